import { AsyncResource } from 'node:async_hooks'
import type { PoolClient } from 'pg'
import { type Clock, type Context, currentContext, DeadlineExceededError } from '../../kernel/index.ts'
import type { Canceller } from './canceller.ts'
import { DatabaseLostError, endsConnection } from './errors.ts'
import type { GiveUpReason, PoolMetrics } from './metrics.ts'
import { readSession } from './session-facts.ts'
import { type Hearing, Statement, type StatementKeeper, type StatementText } from './statement.ts'
import { timeoutFor } from './timeout-buckets.ts'

/** What all sessions of a pool share. */
export interface SessionCommons {
  readonly clock: Clock
  readonly metrics: PoolMetrics
  readonly canceller: Canceller
  readonly statementTimeouts: 'session' | 'off'
  readonly hearing: Hearing | undefined
}

/** A session that serves work of different deadlines keeps the longest, instead of changing all the time. */
const lowerAfter = 16

type Callback = (error: unknown, result?: unknown) => void
type Send = (text: unknown, values?: unknown, callback?: unknown) => unknown

/**
 * One connection and what it knows of deadlines. It stands between `client.query` and `pg`: statements of one
 * session run one after the other (in pipeline mode they are sent at once), each under the deadline of the
 * context that asked for it.
 */
export class Session implements StatementKeeper {
  readonly #client: PoolClient
  readonly #commons: SessionCommons
  readonly #send: Send
  readonly #waiting: Statement[] = []
  readonly #running: Statement[] = []
  /** The statement timeout that the session has; infinite for its own default, NaN for unknown. */
  #timeoutMs = Number.POSITIVE_INFINITY
  /** How many statements in a row must find the timeout too loose before it is lowered. */
  #patience = 0
  /** Its own default; `undefined` while it is unknown, or when timeouts are not for us to set. */
  #defaultMs: number | undefined
  #lost: Error | undefined
  #cancelling = false
  #gaveUp = false
  #whenQuiet: (() => void) | undefined

  /** Takes over `client.query`. */
  constructor (client: PoolClient, commons: SessionCommons) {
    this.#client = client
    this.#commons = commons
    this.#send = client.query.bind(client) as Send
    client.on('error', (error) => this.#lose(error))
    client.on('end', () => this.#lose(new Error('Connection terminated')))
    client.query = this.query.bind(this) as PoolClient['query']
    if (commons.statementTimeouts === 'session') {
      readSession(client, this.#send, (defaultMs) => this.#defaultMs = defaultMs)
    }
  }

  /** As `client.query` of `pg`. Cursors and other objects that submit themselves pass as they are. */
  query (text: unknown, values?: unknown, callback?: unknown): unknown {
    if (typeof text !== 'string' && !isConfig(text)) return this.#send(text, values, callback)
    const given = callbackOf(text, values, callback)
    const onlyValues = typeof values === 'function' ? undefined : values
    const context = currentContext()
    const { hearing } = this.#commons
    if (given !== undefined) {
      // Whoever answers runs for another request, or for none.
      const answer = AsyncResource.bind(given) as Callback
      const resolve = (result: unknown): void => answer(null, result)
      this.submit(new Statement({ text, values: onlyValues, context, resolve, reject: answer }, hearing))
      return undefined
    }
    return new Promise((resolve, reject) =>
      this.submit(new Statement({ text, values: onlyValues, context, resolve, reject }, hearing))
    ).catch(rethrowFromCaller)
  }

  /** Runs a statement when those before it have ended, unless the work that asked for it is over. */
  submit (statement: Statement): void {
    const { context } = statement
    if (context !== undefined && statement.ending !== 'rollback') {
      const refusal = refusalOf(context)
      if (refusal !== undefined) {
        this.#gaveUp = true
        return statement.reject(refusal)
      }
      statement.watch(context.signal, this)
    }
    if (this.#mayStart()) this.#start(statement)
    else this.#waiting.push(statement)
  }

  /** Calls `run` as soon as the session is ready for somebody else: at once, if it is. */
  whenQuiet (run: () => void): void {
    this.#whenQuiet = run
    this.#advance()
  }

  /**
   * Ends a loan of the session.
   *
   * @returns why it must not be lent again, if so: its connection is lost, or a transaction of which a
   *   statement was given up is still open
   */
  endLoan (): Error | undefined {
    const gaveUp = this.#gaveUp
    this.#gaveUp = false
    if (this.#lost !== undefined) return this.#lost
    if (gaveUp && this.#inTransaction()) return new Error('a transaction was left open')
    return undefined
  }

  giveUp (statement: Statement, reason: unknown): void {
    if (!statement.sent) {
      this.#waiting.splice(this.#waiting.indexOf(statement), 1)
      statement.reject(reason)
      return
    }
    const why = giveUpReason(reason)
    statement.givenUp = { atMs: this.#commons.clock.now(), reason: why }
    this.#gaveUp = true
    this.#commons.metrics.cancelled[why].add()
    statement.reject(reason)
    // Of several in a pipeline the request could end another one; they run to their statement timeout.
    if (this.#running.length > 1) return
    this.#cancelling = true
    this.#commons.canceller.cancel(this.#client, statement, this.#cut).finally(() => {
      this.#cancelling = false
      this.#advance()
    })
  }

  #mayStart (): boolean {
    return !this.#cancelling && (this.#running.length === 0 || this.#client.pipeline)
  }

  #start (statement: Statement): void {
    statement.sent = true
    if (statement.ending === 'commit') statement.unwatch()
    const inOneMessage = this.#setTimeout(statement)
    this.#running.push(statement)
    const answer: Callback = (error, result) => this.#answered(statement, error, result)
    if (inOneMessage === undefined) this.#send(statement.text, statement.values, answer)
    else {
      this.#send(
        inOneMessage,
        undefined,
        (error: unknown, results: unknown) => answer(error, Array.isArray(results) ? results.at(-1) : results)
      )
    }
  }

  /**
   * Gives the session the statement timeout that the statement needs, with a message of its own before it.
   * Inside a transaction it stays as it was at its begin, since a rollback would take a change back; only
   * work that must finish is freed from it there.
   *
   * @returns a text to send in place of the statement, where one message can do both
   */
  #setTimeout ({ context, ending, text, values }: Statement): string | undefined {
    if (this.#defaultMs === undefined || this.#running.length > 0) return undefined
    const remainingMs = context === undefined ? Number.POSITIVE_INFINITY : context.deadline.remainingMs()
    if (this.#inTransaction()) {
      const tooShort = ending !== 'rollback' && (ending === 'commit' || remainingMs > this.#timeoutMs) &&
        this.#timeoutMs !== Number.POSITIVE_INFINITY
      if (!tooShort || this.#client.getTransactionStatus() === 'E') return undefined
      this.#commons.metrics.timeoutChanges.add()
      const freeing = 'SET LOCAL statement_timeout TO DEFAULT'
      if (typeof text === 'string' && values === undefined) return `${freeing}; ${text}`
      this.#send(freeing, undefined, () => {})
      return undefined
    }
    const wantedMs = timeoutFor(remainingMs, this.#timeoutMs, this.#defaultMs)
    if (wantedMs === this.#timeoutMs) {
      if (this.#patience > 0) this.#patience = lowerAfter
      return undefined
    }
    if (wantedMs < this.#timeoutMs && this.#patience > 0) {
      this.#patience--
      return undefined
    }
    this.#patience = wantedMs > this.#timeoutMs ? lowerAfter : 0
    this.#timeoutMs = wantedMs
    this.#commons.metrics.timeoutChanges.add()
    const value = wantedMs === Number.POSITIVE_INFINITY ? 'DEFAULT' : String(wantedMs)
    this.#send(`SET statement_timeout TO ${value}`, undefined, (error: unknown) => {
      if (error !== null) this.#timeoutMs = Number.NaN
    })
    return undefined
  }

  #inTransaction (): boolean {
    const status = this.#client.getTransactionStatus()
    return status === 'T' || status === 'E'
  }

  #answered (statement: Statement, error: unknown, result: unknown): void {
    if (error === null || error === undefined) statement.resolve(result)
    else statement.reject(this.#explain(error, statement))
    const failed = error !== null && error !== undefined
    // An error is told before the session is ready; `drain` says that it is.
    if (failed && this.#lost === undefined && !this.#client.pipeline) {
      this.#client.once('drain', () => this.#ended(statement))
    } else this.#ended(statement)
  }

  #explain (error: unknown, { context }: Statement): unknown {
    if (this.#lost !== undefined || endsConnection(error)) return new DatabaseLostError(error)
    // The server's own timer was before ours.
    if (isTimeout(error) && context?.deadline.passed === true) return new DeadlineExceededError()
    return error
  }

  #ended (statement: Statement): void {
    const index = this.#running.indexOf(statement)
    if (index === -1) return
    this.#running.splice(index, 1)
    const { givenUp } = statement
    if (givenUp !== undefined) {
      const { overruns, overrunSeconds } = this.#commons.metrics
      overruns[givenUp.reason].add()
      overrunSeconds[givenUp.reason].add((this.#commons.clock.now() - givenUp.atMs) / 1_000)
    }
    statement.end()
    this.#advance()
  }

  #advance (): void {
    while (this.#waiting.length > 0 && this.#mayStart()) this.#start(this.#waiting.shift()!)
    if (this.#whenQuiet === undefined || this.#cancelling) return
    if (this.#running.length > 0 || this.#waiting.length > 0) return
    const run = this.#whenQuiet
    this.#whenQuiet = undefined
    run()
  }

  #cut = (): void => {
    this.#lose(new Error('a cancelled statement was not confirmed to have ended'))
    this.#client.connection.stream.destroy()
  }

  #lose (error: Error): void {
    if (this.#lost !== undefined) return
    this.#lost = error
    // `pg` answers those under way by itself, after this; one that it answered before waits for a `drain`
    // that will not come.
    setImmediate(() =>
      [...this.#running].forEach((statement) => {
        statement.reject(new DatabaseLostError(error))
        this.#ended(statement)
      })
    )
  }
}

function isConfig (text: unknown): text is StatementText {
  return typeof text === 'object' && text !== null && !('submit' in text)
}

function callbackOf (text: StatementText, values: unknown, callback: unknown): Callback | undefined {
  const given = typeof values === 'function' ? values : callback
  if (typeof given === 'function') return given as Callback
  const own = typeof text === 'object' && 'callback' in text ? text.callback : undefined
  return typeof own === 'function' ? own as Callback : undefined
}

/** Why nothing more may be begun for this work, if so. Its timer may be later than its deadline. */
export function refusalOf ({ deadline, signal }: Context): Error | undefined {
  if (signal.aborted) return signal.reason
  return deadline.passed ? new DeadlineExceededError() : undefined
}

export function giveUpReason (reason: unknown): GiveUpReason {
  return reason instanceof DeadlineExceededError ? 'deadline' : 'caller_gone'
}

/** SQLSTATE `query_canceled`: a statement timeout, or somebody's cancel request. */
function isTimeout (error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === '57014'
}

/** As `pg` does: the stack that leads to the socket is replaced by the one that leads to the query. */
export function rethrowFromCaller (error: unknown): never {
  const shared = error instanceof Error && 'code' in error &&
    (error.code === 'CALLER_GONE' || error.code === 'DEADLINE_EXCEEDED')
  if (error instanceof Error && !shared) Error.captureStackTrace(error)
  throw error
}
