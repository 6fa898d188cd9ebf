import { type Cancel, type Clock, parseBytes, SettingError, systemClock } from '../../kernel/index.ts'
import { LocalValueError } from './errors.ts'
import type { LocalChannel } from './local-channel.ts'
import { LocalStore } from './local-store.ts'
import type { Operation, Reply, Request, Result } from './protocol.ts'

export interface LocalServerOptions {
  /** Keys at most, at least 1. @default 100,000 */
  readonly maxEntries?: number
  /** What all keys and values may take, in bytes, estimated. @default 64 MiB */
  readonly maxBytes?: number
  readonly clock?: Clock
}

/** The supervisor's side of the local engine. */
export interface LocalServer {
  /**
   * Serves one worker until the returned function is called, which is to be done when the worker has ended:
   * its subscriptions go, what it has set stays.
   */
  attach(channel: LocalChannel): Cancel
  /** For status reports. */
  usage(): {
    readonly entries: number
    readonly bytes: number
    readonly workers: number
    readonly topics: number
  }
}

/** Holds the state that workers share. It opens nothing and has no timers, so there is nothing to close. */
export function serveLocalEngine (options: LocalServerOptions = {}): LocalServer {
  const { maxEntries = 100_000, maxBytes = parseBytes('64MiB'), clock = systemClock } = options
  if (!(maxEntries >= 1)) throw new SettingError('local.maxEntries', 'at least 1', maxEntries)
  const store = new LocalStore(clock, { maxEntries, maxBytes })
  const workers = new Set<LocalChannel>()
  const topics = new Map<string, Set<LocalChannel>>()

  function run (operation: Operation, from: LocalChannel): Result {
    switch (operation.kind) {
      case 'ping':
        return null
      case 'get':
        return store.get(operation.key) ?? null
      case 'set':
        store.set(operation.key, operation.value, operation.ttlMs)
        return null
      case 'delete':
        return store.delete(operation.key)
      case 'increment':
        return store.increment(operation.key, operation.by, operation.ttlMs)
      case 'compareAndSet': {
        const { key, expected, next, ttlMs } = operation
        return store.compareAndSet(key, expected ?? undefined, next ?? undefined, ttlMs)
      }
      case 'publish':
        return publish(operation.topic, operation.message)
      case 'subscribe':
        subscribersOf(operation.topic).add(from)
        return null
      case 'unsubscribe':
        unsubscribe(operation.topic, from)
        return null
    }
  }

  function subscribersOf (topic: string): Set<LocalChannel> {
    const found = topics.get(topic) ?? new Set()
    topics.set(topic, found)
    return found
  }

  function unsubscribe (topic: string, channel: LocalChannel): void {
    const subscribers = topics.get(topic)
    subscribers?.delete(channel)
    if (subscribers?.size === 0) topics.delete(topic)
  }

  function publish (topic: string, message: string): number {
    let reached = 0
    for (const channel of topics.get(topic) ?? []) if (send(channel, { topic, message })) reached++
    return reached
  }

  function answer (channel: LocalChannel, { id, operation }: Request): void {
    try {
      send(channel, { id, result: run(operation, channel) })
    } catch (error) {
      if (!(error instanceof LocalValueError)) throw error
      send(channel, { id, refused: { key: error.key, reason: error.reason } })
    }
  }

  return {
    attach (channel) {
      workers.add(channel)
      channel.onMessage((message) => {
        if (workers.has(channel) && isRequest(message)) answer(channel, message)
      })
      return () => {
        workers.delete(channel)
        for (const topic of topics.keys()) unsubscribe(topic, channel)
        channel.close()
      }
    },
    usage: () => ({ entries: store.size, bytes: store.bytes, workers: workers.size, topics: topics.size }),
  }
}

/** A worker that ended a moment ago gets nothing, and is no reason to fail anybody else. */
function send (channel: LocalChannel, reply: Reply): boolean {
  try {
    channel.send(reply)
    return true
  } catch {
    return false
  }
}

function isRequest (message: unknown): message is Request {
  return typeof message === 'object' && message !== null && 'id' in message && 'operation' in message
}
