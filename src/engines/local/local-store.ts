import type { Clock } from '../../kernel/index.ts'
import { LocalValueError } from './errors.ts'
import type { Encoded } from './protocol.ts'

export interface StoreLimits {
  readonly maxEntries: number
  readonly maxBytes: number
}

interface Entry {
  readonly value: Encoded
  readonly bytes: number
  /** On the clock's `now()`; infinite for a key that stays. */
  readonly expiresAtMs: number
}

/** Roughly what the map and the entry take besides key and value. */
const entryOverheadBytes = 100

/** Entries looked at on each write, to find some that expired and are never asked for again. */
const sweepPerWrite = 2

/**
 * Keys and values in bounded memory. Expired keys are dropped when they are read, and a few on each write,
 * so that no timer is needed; over a limit the least recently used go. Sizes are estimates, at two bytes a
 * character.
 */
export class LocalStore {
  readonly #clock: Clock
  readonly #limits: StoreLimits
  /** In order of use: each use moves an entry to the end. */
  readonly #entries = new Map<string, Entry>()
  #bytes = 0
  #sweep = this.#entries.entries()

  constructor (clock: Clock, limits: StoreLimits) {
    this.#clock = clock
    this.#limits = limits
  }

  get size (): number {
    return this.#entries.size
  }

  get bytes (): number {
    return this.#bytes
  }

  get (key: string): Encoded | undefined {
    const entry = this.#live(key)
    if (entry === undefined) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry.value
  }

  /** @throws LocalValueError when it would not fit into an empty store */
  set (key: string, value: Encoded, ttlMs: number = Number.POSITIVE_INFINITY): void {
    this.#put(key, value, this.#clock.now() + ttlMs)
  }

  delete (key: string): boolean {
    const live = this.#live(key) !== undefined
    this.#drop(key)
    return live
  }

  /** @throws LocalValueError when the key holds no number */
  increment (key: string, by: number, ttlMs: number = Number.POSITIVE_INFINITY): number {
    const entry = this.#live(key)
    const before = entry === undefined ? 0 : Number(entry.value)
    if (entry?.value.startsWith('"') === true || !Number.isFinite(before)) {
      throw new LocalValueError(
        key,
        'is not a number, so it cannot be incremented: use another key, or set it'
      )
    }
    const after = before + by
    if (!Number.isFinite(after))
      throw new LocalValueError(key, `cannot be incremented by ${by}: it overflows`)
    this.#put(key, String(after), entry?.expiresAtMs ?? this.#clock.now() + ttlMs)
    return after
  }

  compareAndSet (
    key: string,
    expected: Encoded | undefined,
    next: Encoded | undefined,
    ttlMs?: number
  ): boolean {
    if (this.#live(key)?.value !== expected) return false
    if (next === undefined) this.#drop(key)
    else this.set(key, next, ttlMs)
    return true
  }

  #live (key: string): Entry | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined || entry.expiresAtMs > this.#clock.now()) return entry
    this.#drop(key)
    return undefined
  }

  #put (key: string, value: Encoded, expiresAtMs: number): void {
    const bytes = 2 * (key.length + value.length) + entryOverheadBytes
    if (bytes > this.#limits.maxBytes) {
      throw new LocalValueError(
        key,
        `takes ${bytes} bytes, and all values together may take ${this.#limits.maxBytes}`
      )
    }
    this.#drop(key)
    this.#sweepSome()
    this.#entries.set(key, { value, bytes, expiresAtMs })
    this.#bytes += bytes
    this.#evict()
  }

  #drop (key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#entries.delete(key)
    this.#bytes -= entry.bytes
  }

  #sweepSome (): void {
    for (let count = 0; count < sweepPerWrite; count++) {
      const { done, value: found } = this.#sweep.next()
      if (done === true) {
        this.#sweep = this.#entries.entries()
        return
      }
      if (found[1].expiresAtMs <= this.#clock.now()) this.#drop(found[0])
    }
  }

  #evict (): void {
    for (const key of this.#entries.keys()) {
      if (this.#entries.size <= this.#limits.maxEntries && this.#bytes <= this.#limits.maxBytes) return
      this.#drop(key)
    }
  }
}
