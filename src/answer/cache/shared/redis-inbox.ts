import type { Cancel, Clock } from '../../../kernel/index.ts'

/** What is used of the `ioredis` connection that listens. */
export interface RedisSubscriber {
  subscribe(channel: string): Promise<unknown>
  on(event: 'message', listener: (channel: string, message: string) => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'ready', listener: () => void): unknown
  readonly options: object
  disconnect(): void
}

/** How often the channels are subscribed to anew, in milliseconds: a connection that is dead and silent answers nothing. */
const renewEveryMs = 5_000

/**
 * The one connection of a process that listens, for as long as anybody does. It is made again when it breaks; what is
 * said meanwhile is not heard, and nobody may depend on hearing it.
 */
export class RedisInbox {
  readonly #connect: () => RedisSubscriber
  readonly #clock: Clock
  readonly #listeners = new Map<string, Set<(message: string) => void>>()
  #subscriber: RedisSubscriber | undefined
  #stopRenewing: Cancel | undefined

  constructor (connect: () => RedisSubscriber, clock: Clock) {
    this.#connect = connect
    this.#clock = clock
  }

  /** Resolves once what is said on the channel is heard. */
  async listen (channel: string, listener: (message: string) => void): Promise<Cancel> {
    this.#subscriber ??= this.#open()
    const listeners = this.#listeners.get(channel) ?? new Set()
    this.#listeners.set(channel, listeners)
    listeners.add(listener)
    try {
      await this.#subscriber.subscribe(channel)
    } catch (error) {
      listeners.delete(listener)
      throw error
    }
    return () => listeners.delete(listener)
  }

  close (): void {
    this.#stopRenewing?.()
    this.#subscriber?.disconnect()
    this.#listeners.clear()
  }

  #open (): RedisSubscriber {
    const subscriber = this.#connect()
    const renew = (): void => {
      for (const channel of this.#listeners.keys()) subscriber.subscribe(channel).catch(() => {})
    }
    // Its own way to listen again rejects unheard, and so ends the process, when the connection breaks once more.
    Object.assign(subscriber.options, { autoResubscribe: false })
    subscriber.on('ready', renew)
    this.#stopRenewing = this.#clock.every(renewEveryMs, renew)
    // Whoever depends on Redis learns of an outage from its calls.
    subscriber.on('error', () => {})
    subscriber.on('message', (channel, message) => {
      for (const listener of this.#listeners.get(channel) ?? []) listener(message)
    })
    return subscriber
  }
}
