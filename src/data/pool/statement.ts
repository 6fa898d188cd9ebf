import type { QueryResult } from 'pg'
import type { Clock, Context } from '../../kernel/index.ts'
import type { GiveUpReason } from './giving-up.ts'
import type { KnownStatement, StatementCatalogue, StatementEnding } from './known-statement.ts'
import type { StatementObserver } from './statement-observer.ts'

/** What a session does for its statements. */
export interface StatementKeeper {
  /** Nobody waits for the statement any more. */
  giveUp(statement: Statement, reason: unknown): void
}

/** As `pg` takes it: text, or an object with text, name, values and more. */
export type StatementText = string | (object & { readonly text?: unknown; readonly values?: unknown })

/** What was asked for, and who is told how it went. */
export interface GivenStatement {
  readonly text: StatementText
  readonly values: unknown
  readonly context: Context | undefined
  readonly resolve: (result: unknown) => void
  readonly reject: (error: unknown) => void
}

/** What all statements of a pool share. */
export interface StatementCommons {
  readonly clock: Clock
  readonly catalogue: StatementCatalogue
  readonly observer: StatementObserver | undefined
}

/** One statement, from the moment it was asked for until the session is ready for the next. */
export class Statement {
  readonly text: StatementText
  readonly values: unknown
  /** Of the work that asked for it, not of whoever happens to run when the connection is free. */
  readonly context: Context | undefined
  /** What is known of its text; `undefined` for one that is given by a name only. */
  readonly known: KnownStatement | undefined
  /** It has been handed to `pg`. */
  sent = false
  /** It was sent under a name that the session gave, which others may have spoilt. */
  named = false
  /** The session had it prepared before, under that name. */
  reused = false
  /** It failed for no fault of its own, without effect, and is on its way once more: never a second time. */
  retried = false
  /** A statement of other work may be under way on the same connection. */
  shared = false
  /** When PostgreSQL could begin with it, in milliseconds on the clock. */
  beganAtMs = 0
  /** When it was given up and why, if it was. */
  givenUp: { readonly atMs: number; readonly reason: GiveUpReason } | undefined
  #keeper: StatementKeeper | undefined
  readonly #resolve: (result: unknown) => void
  readonly #reject: (error: unknown) => void
  #signal: AbortSignal | undefined
  readonly #commons: StatementCommons
  #token: unknown
  #askedAtMs = 0
  #settled = false
  #ended = false
  #whenEnded: (() => void)[] | undefined

  constructor (given: GivenStatement, commons: StatementCommons) {
    this.text = given.text
    this.values = given.values
    this.context = given.context
    this.#resolve = given.resolve
    this.#reject = given.reject
    this.#commons = commons
    const text = textOf(given.text)
    if (text === undefined) return
    this.known = commons.catalogue.use(text)
    if (commons.observer === undefined) return
    this.#token = commons.observer.sent(text, valuesOf(given.text, given.values), given.context)
    if (this.#token !== undefined) this.#askedAtMs = commons.clock.now()
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

  #tellEnd (error: unknown, results: unknown): void {
    const { observer, clock } = this.#commons
    const last = (Array.isArray(results) ? results.at(-1) : results) as Partial<QueryResult> | undefined
    observer?.ended(this.#token, {
      error,
      command: last?.command ?? undefined,
      rowCount: last?.rowCount ?? 0,
      seconds: (clock.now() - this.#askedAtMs) / 1_000,
    })
  }

  get ending (): StatementEnding | undefined {
    return this.known?.ending
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

/** @returns `undefined` for a prepared statement that is given by its name only */
export function textOf (text: StatementText): string | undefined {
  const sql = typeof text === 'string' ? text : text.text
  return typeof sql === 'string' ? sql : undefined
}

/** @returns `undefined` for none, and for what is no list */
export function valuesOf (text: StatementText, values: unknown): readonly unknown[] | undefined {
  const given = values ?? (typeof text === 'string' ? undefined : text.values)
  return Array.isArray(given) ? given : undefined
}
