import { remainingOf } from './giving-up.ts'
import type { Statement } from './statement.ts'
import { timeoutFor } from './timeout-buckets.ts'

/** A session that serves work of different deadlines keeps the longest, instead of changing all the time. */
const lowerAfter = 16

/** What is sent ahead of a statement; `local` for the rest of its transaction only. */
export interface TimeoutChange {
  readonly sql: string
  readonly local: boolean
}

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

  /**
   * What has to be sent ahead of a statement, so that it is not held to somebody else's time. Inside a transaction
   * the timeout stays as it was at its begin, since a rollback would take a change back; only work that must finish
   * is freed from it there.
   *
   * @param status of the session's transaction: idle, in one, or in one that has failed
   * @returns `undefined` when the timeout suits the statement
   */
  before (
    { context, ending }: Pick<Statement, 'context' | 'ending'>,
    status: 'I' | 'T' | 'E' | null
  ): TimeoutChange | undefined {
    const remainingMs = remainingOf(context)
    if (status !== 'T' && status !== 'E') {
      const sql = this.#changeFor(remainingMs)
      return sql === undefined ? undefined : { sql, local: false }
    }
    const tooShort = ending === 'commit' || ending !== 'rollback' && !this.allows(remainingMs)
    if (!tooShort || this.#ms === Number.POSITIVE_INFINITY || status === 'E') return undefined
    return { sql: 'SET LOCAL statement_timeout TO DEFAULT', local: true }
  }

  #changeFor (remainingMs: number): string | undefined {
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
