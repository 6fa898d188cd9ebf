import { timeoutFor } from './timeout-buckets.ts'

/** A session that serves work of different deadlines keeps the longest, instead of changing all the time. */
const lowerAfter = 16

/** The `statement_timeout` of one session, and when it has to change. */
export class SessionTimeout {
  /** What the session has; infinite for its own default, NaN for unknown. */
  #ms = Number.POSITIVE_INFINITY
  /** How many statements in a row must find the timeout too loose before it is lowered. */
  #patience = 0
  readonly #defaultMs: number

  /** @param defaultMs the session's own, infinite for none */
  constructor (defaultMs: number) {
    this.#defaultMs = defaultMs
  }

  /** Nobody knows what the session has: the next statement that needs one sets it. */
  forget (): void {
    this.#ms = Number.NaN
  }

  /** Whether it leaves a statement as long as it has, in milliseconds. */
  allows (remainingMs: number): boolean {
    return this.#ms >= Math.min(remainingMs, this.#defaultMs)
  }

  /** Whether it is one that was set for somebody's deadline. */
  get isSet (): boolean {
    return this.#ms !== Number.POSITIVE_INFINITY
  }

  /**
   * @param remainingMs what the next statement has left
   * @returns SQL to be sent before the statement; `undefined` when the timeout suits it
   */
  changeFor (remainingMs: number): string | undefined {
    const wantedMs = timeoutFor(remainingMs, this.#ms, this.#defaultMs)
    if (wantedMs === this.#ms) {
      if (this.#patience > 0) this.#patience = lowerAfter
      return undefined
    }
    if (wantedMs < this.#ms && this.#patience > 0) {
      this.#patience--
      return undefined
    }
    this.#patience = wantedMs > this.#ms ? lowerAfter : 0
    this.#ms = wantedMs
    const value = wantedMs === Number.POSITIVE_INFINITY ? 'DEFAULT' : String(wantedMs)
    return `SET statement_timeout TO ${value}`
  }
}
