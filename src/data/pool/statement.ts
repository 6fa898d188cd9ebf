import type { QueryResult } from 'pg'
import type { Clock, Context } from '../../kernel/index.ts'
import type { GiveUpReason } from './metrics.ts'
import type { StatementObserver } from './statement-observer.ts'

/** What a session does for its statements. */
export interface StatementKeeper {
  /** Nobody waits for the statement any more. */
  giveUp(statement: Statement, reason: unknown): void
}

/** As `pg` takes it: text, or an object with text, name, values and more. */
export type StatementText = string | (object & { readonly text?: unknown; readonly values?: unknown })

/** `commit` ends in a known outcome or in none: it is never given up. `rollback` is never refused. */
export type StatementEnding = 'commit' | 'rollback'

/** What was asked for, and who is told how it went. */
export interface GivenStatement {
  readonly text: StatementText
  readonly values: unknown
  readonly context: Context | undefined
  readonly resolve: (result: unknown) => void
  readonly reject: (error: unknown) => void
}

export interface Hearing {
  readonly observer: StatementObserver
  readonly clock: Clock
}

/** One statement, from the moment it was asked for until the session is ready for the next. */
export class Statement {
  readonly text: StatementText
  readonly values: unknown
  /** Of the work that asked for it, not of whoever happens to run when the connection is free. */
  readonly context: Context | undefined
  readonly ending: StatementEnding | undefined
  /** It has been handed to `pg`. */
  sent = false
  /** When it was given up and why, if it was. */
  givenUp: { readonly atMs: number; readonly reason: GiveUpReason } | undefined
  #keeper: StatementKeeper | undefined
  readonly #resolve: (result: unknown) => void
  readonly #reject: (error: unknown) => void
  #signal: AbortSignal | undefined
  readonly #hearing: Hearing | undefined
  #token: unknown
  #askedAtMs = 0
  #settled = false
  #ended = false
  #whenEnded: (() => void)[] | undefined

  constructor (given: GivenStatement, hearing: Hearing | undefined) {
    this.text = given.text
    this.values = given.values
    this.context = given.context
    this.ending = endingOf(given.text)
    this.#resolve = given.resolve
    this.#reject = given.reject
    this.#hearing = hearing
    if (hearing !== undefined) this.#tell(hearing)
  }

  /** From now on the abort of `signal` gives the statement up. */
  watch (signal: AbortSignal, keeper: StatementKeeper): void {
    this.#keeper = keeper
    this.#signal = signal
    signal.addEventListener('abort', this)
  }

  unwatch (): void {
    this.#signal?.removeEventListener('abort', this)
    this.#signal = undefined
  }

  /** The listener of the signal: one object less than a closure for each statement. */
  handleEvent (): void {
    const reason: unknown = this.#signal?.reason
    this.unwatch()
    this.#keeper?.giveUp(this, reason)
  }

  resolve (result: unknown): void {
    this.unwatch()
    if (this.#settled) return
    this.#settled = true
    if (this.#token !== undefined) this.#tellEnd(undefined, result)
    this.#resolve(result)
  }

  reject (error: unknown): void {
    this.unwatch()
    if (this.#settled) return
    this.#settled = true
    if (this.#token !== undefined) this.#tellEnd(error, undefined)
    this.#reject(error)
  }

  #tell ({ observer, clock }: Hearing): void {
    const text = textOf(this.text)
    if (text === undefined) return
    this.#token = observer.sent(text, valuesOf(this.text, this.values), this.context)
    if (this.#token !== undefined) this.#askedAtMs = clock.now()
  }

  #tellEnd (error: unknown, results: unknown): void {
    const { observer, clock } = this.#hearing!
    const last = (Array.isArray(results) ? results.at(-1) : results) as Partial<QueryResult> | undefined
    observer.ended(this.#token, {
      error,
      command: last?.command ?? undefined,
      rowCount: last?.rowCount ?? 0,
      seconds: (clock.now() - this.#askedAtMs) / 1_000,
    })
  }

  /** PostgreSQL has nothing more to do for it. */
  get ended (): boolean {
    return this.#ended
  }

  end (): void {
    this.#ended = true
    const runs = this.#whenEnded
    this.#whenEnded = undefined
    runs?.forEach((run) => run())
  }

  /** Calls `run` when it ends; at once if it has. */
  whenEnded (run: () => void): void {
    if (this.#ended) return run()
    this.#whenEnded ??= []
    this.#whenEnded.push(run)
  }
}

const endings = /^\s*(?:(commit|end)|rollback|abort)\b/i

function endingOf (text: StatementText): StatementEnding | undefined {
  const sql = textOf(text)
  const found = sql === undefined ? null : endings.exec(sql)
  if (found === null) return undefined
  return found[1] === undefined ? 'rollback' : 'commit'
}

/** @returns `undefined` for a prepared statement that is given by its name only */
export function textOf (text: StatementText): string | undefined {
  const sql = typeof text === 'string' ? text : text.text
  return typeof sql === 'string' ? sql : undefined
}

function valuesOf (text: StatementText, values: unknown): readonly unknown[] | undefined {
  const given = values ?? (typeof text === 'string' ? undefined : text.values)
  return Array.isArray(given) ? given : undefined
}
