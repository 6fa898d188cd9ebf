import { type Cancel, type Clock, SettingError } from '../../kernel/index.ts'
import { EngineClosedError, EngineUnavailableError } from '../errors.ts'
import { LocalValueError } from './errors.ts'
import type { LocalChannel } from './local-channel.ts'
import type { LocalClient, LocalValue, SetOptions } from './local-client.ts'
import { decode, encode, type Operation, type Reply, type Result } from './protocol.ts'

interface Waiting {
  readonly resolve: (result: Result) => void
  readonly reject: (error: Error) => void
  readonly cancelTimeout: Cancel
}

export const engineName = 'local'
const target = 'the supervisor'

/** The worker's side: each call is a request over the channel, and waits for its reply for a bounded time. */
export class ChannelClient implements LocalClient {
  readonly #channel: LocalChannel
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #waiting = new Map<number, Waiting>()
  readonly #listeners = new Map<string, Set<(message: LocalValue) => void>>()
  #lastId = 0
  #closed = false

  constructor (channel: LocalChannel, clock: Clock, timeoutMs: number) {
    this.#channel = channel
    this.#clock = clock
    this.#timeoutMs = timeoutMs
    channel.onMessage((message) => this.#receive(message))
  }

  async ping (): Promise<void> {
    await this.#request({ kind: 'ping' })
  }

  async get (key: string): Promise<LocalValue | undefined> {
    const value = await this.#request({ kind: 'get', key })
    return typeof value === 'string' ? decode(value) : undefined
  }

  async set (key: string, value: LocalValue, options?: SetOptions): Promise<void> {
    await this.#request({ kind: 'set', key, value: encode(key, value), ttlMs: ttlOf(options) })
  }

  async delete (key: string): Promise<boolean> {
    return await this.#request({ kind: 'delete', key }) === true
  }

  async increment (key: string, by = 1, options?: SetOptions): Promise<number> {
    if (!Number.isFinite(by))
      throw new LocalValueError(key, `cannot be incremented by ${by}: pass a finite number`)
    return Number(await this.#request({ kind: 'increment', key, by, ttlMs: ttlOf(options) }))
  }

  async compareAndSet (
    key: string,
    expected: LocalValue | undefined,
    next: LocalValue | undefined,
    options?: SetOptions
  ): Promise<boolean> {
    const encodeOptional = (value: LocalValue | undefined): string | null =>
      value === undefined ? null : encode(key, value)
    return await this.#request({
      kind: 'compareAndSet',
      key,
      expected: encodeOptional(expected),
      next: encodeOptional(next),
      ttlMs: ttlOf(options),
    }) === true
  }

  async publish (topic: string, message: LocalValue): Promise<number> {
    return Number(await this.#request({ kind: 'publish', topic, message: encode(topic, message) }))
  }

  async subscribe (topic: string, listener: (message: LocalValue) => void): Promise<Cancel> {
    // Each call is a subscription of its own, even with a function that listens already.
    const own = (message: LocalValue): void => listener(message)
    const listeners = this.#listeners.get(topic) ?? new Set()
    this.#listeners.set(topic, listeners)
    listeners.add(own)
    try {
      await this.#request({ kind: 'subscribe', topic })
    } catch (error) {
      this.#unsubscribe(topic, own)
      throw error
    }
    return () => this.#unsubscribe(topic, own)
  }

  /** Whoever still waits is told that the engine is closed. */
  close (): void {
    this.#closed = true
    for (const topic of this.#listeners.keys())
      this.#send({ id: 0, operation: { kind: 'unsubscribe', topic } })
    this.#listeners.clear()
    this.#channel.close()
    for (const { reject, cancelTimeout } of this.#waiting.values()) {
      cancelTimeout()
      reject(new EngineClosedError(engineName))
    }
    this.#waiting.clear()
  }

  #unsubscribe (topic: string, listener: (message: LocalValue) => void): void {
    const listeners = this.#listeners.get(topic)
    if (listeners?.delete(listener) !== true || listeners.size > 0) return
    this.#listeners.delete(topic)
    this.#send({ id: 0, operation: { kind: 'unsubscribe', topic } })
  }

  async #request (operation: Operation): Promise<Result> {
    if (this.#closed) throw new EngineClosedError(engineName)
    const id = ++this.#lastId
    const { promise, resolve, reject } = Promise.withResolvers<Result>()
    const fail = (reason: string): void => {
      this.#waiting.delete(id)
      reject(new EngineUnavailableError(engineName, target, reason))
    }
    const cancelTimeout = this.#clock.after(this.#timeoutMs, () => {
      fail(`it did not answer within ${this.#timeoutMs} ms; it may be overloaded, or have ended`)
    })
    this.#waiting.set(id, { resolve, reject, cancelTimeout })
    if (!this.#send({ id, operation })) {
      cancelTimeout()
      fail('it has ended')
    }
    return promise
  }

  #send (request: { id: number; operation: Operation }): boolean {
    try {
      this.#channel.send(request)
      return true
    } catch {
      return false
    }
  }

  #receive (message: unknown): void {
    const reply = message as Reply
    if ('topic' in reply) return this.#deliver(reply.topic, reply.message)
    const waiting = this.#waiting.get(reply.id)
    if (waiting === undefined) return
    this.#waiting.delete(reply.id)
    waiting.cancelTimeout()
    if ('result' in reply) waiting.resolve(reply.result)
    else waiting.reject(new LocalValueError(reply.refused.key, reply.refused.reason))
  }

  #deliver (topic: string, message: string): void {
    for (const listener of this.#listeners.get(topic) ?? []) {
      try {
        // Decoded for each, so that none sees what another did to its copy.
        listener(decode(message))
      } catch (error) {
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
}

function ttlOf (options: SetOptions | undefined): number | undefined {
  const ttlMs = options?.ttlMs
  if (ttlMs !== undefined && !(ttlMs > 0))
    throw new SettingError('ttlMs', 'a number of milliseconds above 0', ttlMs)
  // JSON has no infinity, and a key without an end is one without a time to live.
  return ttlMs === Number.POSITIVE_INFINITY ? undefined : ttlMs
}
