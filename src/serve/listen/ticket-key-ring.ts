import { randomBytes as systemRandomBytes } from 'node:crypto'
import { type Cancel, type Clock, SettingError, systemClock } from '../../kernel/index.ts'

/** A name of 16 bytes, an HMAC key of 16, an AES key of 16: what node calls ticket keys. */
const keyBytes = 48

export interface TicketKeyRingOptions {
  /** How long one key seals tickets, in milliseconds, above 0. @default 12 hours */
  readonly rotateEveryMs?: number
  readonly clock?: Clock
  /** Must be unpredictable: who knows the key reads the traffic. @default node:crypto's */
  readonly randomBytes?: (size: number) => Buffer
}

/**
 * The key that seals TLS session tickets, renewed as time passes, so that one that leaks opens little. The
 * supervisor holds the ring and hands the key to every worker (`Listener.setTicketKeys`): a session then
 * resumes on any of them.
 *
 * Node takes one key at a time, so a ticket sealed with the key before is not opened: its client makes a
 * full handshake, once.
 */
export class TicketKeyRing {
  readonly #rotateEveryMs: number
  readonly #clock: Clock
  readonly #randomBytes: (size: number) => Buffer
  #keys: Buffer
  #sinceMs: number

  constructor (options: TicketKeyRingOptions = {}) {
    const { rotateEveryMs = 12 * 3_600_000, clock = systemClock, randomBytes = systemRandomBytes } = options
    if (!(rotateEveryMs > 0)) throw new SettingError('tls.ticketRotation', 'above 0', rotateEveryMs)
    this.#rotateEveryMs = rotateEveryMs
    this.#clock = clock
    this.#randomBytes = randomBytes
    this.#keys = randomBytes(keyBytes)
    this.#sinceMs = clock.now()
  }

  /** The 48 bytes in force now; renewed first when their time is over. */
  current (): Buffer {
    const nowMs = this.#clock.now()
    if (nowMs - this.#sinceMs >= this.#rotateEveryMs) {
      this.#keys = this.#randomBytes(keyBytes)
      this.#sinceMs = nowMs
    }
    return this.#keys
  }

  /** Calls `run` with each new key, until cancelled. Not with the one in force now. */
  watch (run: (keys: Buffer) => void): Cancel {
    let last = this.current()
    return this.#clock.every(Math.min(this.#rotateEveryMs, 60_000), () => {
      const keys = this.current()
      if (keys === last) return
      last = keys
      run(keys)
    })
  }
}
