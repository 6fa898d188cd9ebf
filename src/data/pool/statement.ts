import type { Context } from '../../kernel/index.ts'
import type { GiveUpReason } from './metrics.ts'

/** What a session does for its statements. */
export interface StatementKeeper {
  /** Nobody waits for the statement any more. */
  giveUp(statement: Statement, reason: unknown): void
}

/** As `pg` takes it: text, or an object with text, name, values and more. */
export type StatementText = string | (object & { readonly text?: unknown })

/** `commit` ends in a known outcome or in none: it is never given up. `rollback` is never refused. */
export type StatementEnding = 'commit' | 'rollback'

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
  readonly #keeper: StatementKeeper
  readonly #resolve: (result: unknown) => void
  readonly #reject: (error: unknown) => void
  #signal: AbortSignal | undefined
  #settled = false
  #ended = false
  #whenEnded: (() => void)[] | undefined

  constructor (
    keeper: StatementKeeper,
    given: {
      readonly text: StatementText
      readonly values: unknown
      readonly context: Context | undefined
      readonly resolve: (result: unknown) => void
      readonly reject: (error: unknown) => void
    }
  ) {
    this.#keeper = keeper
    this.text = given.text
    this.values = given.values
    this.context = given.context
    this.ending = endingOf(given.text)
    this.#resolve = given.resolve
    this.#reject = given.reject
  }

  /** From now on the abort of `signal` gives the statement up. */
  watch (signal: AbortSignal): void {
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
    this.#keeper.giveUp(this, reason)
  }

  resolve (result: unknown): void {
    this.unwatch()
    if (this.#settled) return
    this.#settled = true
    this.#resolve(result)
  }

  reject (error: unknown): void {
    this.unwatch()
    if (this.#settled) return
    this.#settled = true
    this.#reject(error)
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
  const sql = typeof text === 'string' ? text : text.text
  const found = typeof sql === 'string' ? endings.exec(sql) : null
  if (found === null) return undefined
  return found[1] === undefined ? 'rollback' : 'commit'
}
