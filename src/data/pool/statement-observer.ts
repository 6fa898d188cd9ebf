import type { Context } from '../../kernel/index.ts'

/** Hears of each statement a pool runs. Called on the hot path: what it throws reaches the caller of `query`. */
export interface StatementObserver {
  /**
   * In the call of `query`, with the caller's stack still there, before a connection is waited for. Cursors,
   * COPY and other objects that submit themselves are not heard of.
   *
   * @param text as it was asked for
   * @param context of the work that asked, if any
   * @returns what `ended` gets back; `undefined` to hear no more of this statement
   */
  sent(text: string, values: readonly unknown[] | undefined, context: Context | undefined): unknown
  /** Once for each token, when the caller is answered; a statement that was never sent to PostgreSQL, too. */
  ended(token: unknown, outcome: StatementOutcome): void
}

export interface StatementOutcome {
  /** `undefined` when it succeeded. */
  readonly error: unknown
  /** The command tag of PostgreSQL: `SELECT`, `INSERT`, ... Of several statements in one text, the last one's. */
  readonly command: string | undefined
  /** Rows read or changed; 0 where PostgreSQL tells none. */
  readonly rowCount: number
  /** From the call of `query` to its answer, a wait for a connection included. */
  readonly seconds: number
}

/** @returns one that stands for all; `undefined` for none */
export function oneObserver (observers: readonly StatementObserver[]): StatementObserver | undefined {
  if (observers.length < 2) return observers[0]
  return {
    sent (text, values, context) {
      const tokens = observers.map((observer) => observer.sent(text, values, context))
      return tokens.some((token) => token !== undefined) ? tokens : undefined
    },
    ended (tokens, outcome) {
      const given = tokens as readonly unknown[]
      observers.forEach((observer, at) => {
        if (given[at] !== undefined) observer.ended(given[at], outcome)
      })
    },
  }
}
