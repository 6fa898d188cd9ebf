import type { Cancel } from '../../kernel/index.ts'

/** Anything that JSON can say, or bytes. */
export type LocalValue =
  | string
  | number
  | boolean
  | null
  | Uint8Array
  | readonly LocalValue[]
  | { readonly [key: string]: LocalValue }

export interface SetOptions {
  /** The key is gone this many milliseconds from now; above 0. @default it stays */
  readonly ttlMs?: number
}

/**
 * State and messages that all workers of one machine share. They live in the supervisor's memory: they
 * outlive a worker and its reload, not the supervisor. Memory is bounded; when it is full, the keys that
 * were used least recently are forgotten, so keep nothing here that cannot be lost.
 *
 * Each operation is atomic. All reject with `EngineUnavailableError` when the supervisor does not answer,
 * in which case a write may or may not have happened, and with `EngineClosedError` after `close()`.
 */
export interface LocalClient {
  /** @returns a copy; undefined when the key is not there, or has expired */
  get(key: string): Promise<LocalValue | undefined>
  /** @throws LocalValueError when it is larger than all memory there is */
  set(key: string, value: LocalValue, options?: SetOptions): Promise<void>
  /** @returns whether the key was there */
  delete(key: string): Promise<boolean>
  /**
   * Adds `by` to a number, from 0 where there is none. The time to live holds from when the key is made and
   * is not prolonged by later increments, so that a key with one is a window of time.
   *
   * @param by 1 by default; may be negative
   * @returns the number after it
   * @throws LocalValueError when the key holds something else
   */
  increment(key: string, by?: number, options?: SetOptions): Promise<number>
  /**
   * Puts `next` in place of `expected`, if that is what the key holds; undefined stands for no key, on either
   * side. Objects are equal when their JSON is, order of keys included.
   *
   * @returns whether it did
   */
  compareAndSet(
    key: string,
    expected: LocalValue | undefined,
    next: LocalValue | undefined,
    options?: SetOptions
  ): Promise<boolean>
  /**
   * Sends a message to every worker that listens to the topic, this one included. Messages of one sender
   * arrive in order, once or, when a worker is about to end, not at all; nothing is kept for those who come
   * later.
   *
   * @returns how many workers it was sent to
   */
  publish(topic: string, message: LocalValue): Promise<number>
  /**
   * Calls `listener` for each message that is published after the promise has resolved. A listener that
   * throws ends the process as any uncaught error does; the other listeners are called all the same.
   */
  subscribe(topic: string, listener: (message: LocalValue) => void): Promise<Cancel>
}
