import { AsyncResource } from 'node:async_hooks'
import type { PoolClient } from 'pg'
import { currentContext } from '../../kernel/index.ts'
import type { Canceller } from './canceller.ts'
import { DatabaseLostError, isReadOnly, isServerError } from './errors.ts'
import { giveUpReason, refusalOf, remainingOf } from './giving-up.ts'
import { explainError, healingOf } from './healing.ts'
import type { PoolMetrics } from './metrics.ts'
import { callbackOf, isSql, type QueryCallback, rethrowFromCaller } from './query-arguments.ts'
import { readSession } from './session-facts.ts'
import { Statement, type StatementCommons, type StatementKeeper } from './statement.ts'
import { type Send, Wire } from './wire.ts'

/** What all sessions of a pool share. */
export interface SessionCommons extends StatementCommons {
  readonly metrics: PoolMetrics
  readonly canceller: Canceller
  readonly statementTimeouts: 'session' | 'off'
  readonly preparedStatements: 'auto' | 'off'
  /** Prepared statements of one connection. */
  readonly preparedLimit: number
}

/** Statements under way on one connection at once. */
const pipelineDepth = 16

/** What a statement that was ended by its deadline is taken to need, in milliseconds. */
const endlessMs = 1_000

/**
 * One connection and what it knows of deadlines. It stands between `client.query` and `pg`: statements of one
 * session run one after the other, each under the deadline of the context that asked for it. Those that are
 * prepared may be sent before the last one is answered.
 */
export class Session implements StatementKeeper {
  readonly #client: PoolClient & { pipeline: boolean }
  readonly #commons: SessionCommons
  readonly #send: Send
  readonly #wire: Wire
  readonly #waiting: Statement[] = []
  readonly #running: Statement[] = []
  /** Objects that submit themselves, held back while several statements are under way. */
  readonly #held: (() => void)[] = []
  /** Whether its owner put `pg` into pipeline mode: all is sent at once, then, and nothing else changes it. */
  readonly #alwaysPipelines: boolean
  /** Something of its own is under way, before the next statement. */
  #busy = false
  #lost: Error | undefined
  #cancelling = false
  #gaveUp = false
  #refusesWrites = false
  /** An object that submits itself was sent in this loan: `pg` tells nobody when it has ended. */
  #passedOn = false
  #answeredAtMs = 0
  #whenQuiet: (() => void) | undefined

  /** Takes over `client.query`. */
  constructor (client: PoolClient, commons: SessionCommons) {
    this.#client = client
    this.#alwaysPipelines = client.pipeline
    this.#commons = commons
    this.#send = client.query.bind(client) as Send
    this.#wire = new Wire(client, this.#send, commons)
    client.on('error', (error) => this.#lose(error))
    client.on('end', () => this.#lose(new Error('Connection terminated')))
    client.query = this.query.bind(this) as PoolClient['query']
    if (commons.statementTimeouts === 'off' && commons.preparedStatements === 'off') return
    this.#busy = true
    readSession(client, this.#send, (facts) => {
      this.#wire.begin(facts)
      this.#busy = false
      this.#advance()
    })
  }

  /** As `client.query` of `pg`. Cursors and other objects that submit themselves pass as they are. */
  query (text: unknown, values?: unknown, callback?: unknown): unknown {
    if (!isSql(text)) return this.#pass(text, values, callback)
    const given = callbackOf(text, values, callback)
    const onlyValues = typeof values === 'function' ? undefined : values
    const context = currentContext()
    if (given !== undefined) {
      // Whoever answers runs for another request, or for none.
      const reject = AsyncResource.bind(given) as QueryCallback
      const resolve = (result: unknown): void => reject(null, result)
      this.submit(new Statement({ text, values: onlyValues, context, resolve, reject }, this.#commons))
      return undefined
    }
    return new Promise((resolve, reject) =>
      this.submit(new Statement({ text, values: onlyValues, context, resolve, reject }, this.#commons))
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
    if (this.#waiting.length === 0 && this.#mayStart(statement)) this.#start(statement)
    else this.#waiting.push(statement)
  }

  /**
   * Whether the statement may be submitted beside one of other work, on a connection that is lent for nothing
   * else: each is a transaction of its own, so that no failure of one concerns another. Only reads whose text
   * was fast so far do so, since those behind a slow one wait for it.
   */
  mayShare (statement: Statement): boolean {
    const { known, context } = statement
    const [first] = this.#running
    if (first?.known === undefined || known === undefined || !this.#mayPipe(statement)) return false
    if (!known.isRead || !known.isFast || !first.known.isRead || !first.known.isFast) return false
    if (this.#inTransaction() || this.#waiting.length > 0) return false
    if (!this.#wire.allows(remainingOf(context))) return false
    first.shared = true
    statement.shared = true
    this.#commons.metrics.shared.add()
    return true
  }

  /** Sends in one packet what `run` submits. */
  together (run: () => void): void {
    const { stream } = this.#client.connection
    stream.cork()
    try {
      run()
    } finally {
      stream.uncork()
    }
  }

  /** Calls `run` as soon as the session is ready for somebody else: at once, if it is. */
  whenQuiet (run: () => void): void {
    this.#whenQuiet = run
    this.#advance()
  }

  /**
   * Ends a loan of the session.
   *
   * @returns why it must not be lent again, if so: its connection is lost, the server refuses to write, or a
   *   transaction of which a statement was given up is still open
   */
  endLoan (): Error | undefined {
    const gaveUp = this.#gaveUp
    this.#gaveUp = false
    this.#passedOn = false
    if (this.#lost !== undefined) return this.#lost
    if (this.#refusesWrites) return new Error('the server refuses to write')
    if (gaveUp && this.#inTransaction()) return new Error('a transaction was left open')
    return undefined
  }

  giveUp (statement: Statement, reason: unknown): void {
    if (!statement.sent) {
      this.#waiting.splice(this.#waiting.indexOf(statement), 1)
      statement.reject(reason)
      statement.end()
      this.#advance()
      return
    }
    const why = giveUpReason(reason)
    statement.givenUp = { atMs: this.#commons.clock.now(), reason: why }
    this.#gaveUp = true
    this.#commons.metrics.cancelled[why].add()
    statement.reject(reason)
    this.#cancelFirst()
  }

  /**
   * Cancels the statement that PostgreSQL is at, if nobody waits for it. A request that comes late ends the next
   * one: of those that may be under way together, one that shares the connection is sent again, and one of the
   * same work was given up as well. In the owner's pipeline nobody knows; there they run to their timeout.
   */
  #cancelFirst (): void {
    const [first] = this.#running
    if (first?.givenUp === undefined || this.#cancelling) return
    if (this.#alwaysPipelines && this.#running.length > 1) return
    this.#cancelling = true
    this.#commons.canceller.cancel(this.#client, first, this.#cut).finally(() => {
      this.#cancelling = false
      this.#advance()
    })
  }

  #mayStart (statement: Statement): boolean {
    if (this.#cancelling || this.#busy) return false
    if (this.#running.length === 0 || this.#alwaysPipelines) return true
    const together = statement.shared || this.#running[0]!.context === statement.context
    return together && this.#mayPipe(statement)
  }

  /**
   * Whether it may be sent while others are under way. All of them are prepared and known to the server: the
   * failure of one changes nothing for those behind it but what it would change without a pipeline.
   */
  #mayPipe (statement: Statement): boolean {
    return this.#running.length < pipelineDepth && !this.#cancelling && !this.#busy && !this.#passedOn &&
      !this.#alwaysPipelines && this.#running[0]?.reused === true && this.#wire.hasPrepared(statement)
  }

  #start (statement: Statement): void {
    statement.sent = true
    if (statement.ending === 'commit') statement.unwatch()
    this.#running.push(statement)
    const status = this.#client.getTransactionStatus()
    const before = this.#running.length === 1 ? this.#wire.timeoutBefore(statement, status) : undefined
    if (before === undefined) return this.#dispatch(statement)
    this.#commons.metrics.timeoutChanges.add()
    const { text, values } = statement
    if (before.local && typeof text === 'string' && values === undefined) {
      const last: QueryCallback = (error, results) =>
        this.#answered(statement, error, Array.isArray(results) ? results.at(-1) : results)
      this.#send(`${before.sql}; ${text}`, undefined, last)
      return
    }
    this.#busy = true
    this.#send(before.sql, undefined, (error: unknown) => {
      this.#busy = false
      if (!before.local && error !== null && error !== undefined) this.#wire.forgetTimeout()
      if (statement.givenUp === undefined) this.#dispatch(statement)
      else this.#ended(statement)
    })
  }

  #dispatch (statement: Statement): void {
    statement.beganAtMs = this.#commons.clock.now()
    if (this.#running.length > 1 && !this.#alwaysPipelines) this.#client.pipeline = true
    this.#wire.send(
      statement,
      (error, result) => this.#answered(statement, error, result),
      !this.#alwaysPipelines
    )
  }

  #pass (query: unknown, values: unknown, callback: unknown): unknown {
    this.#passedOn = true
    if (this.#running.length < 2 || this.#alwaysPipelines) return this.#send(query, values, callback)
    this.#held.push(() => this.#send(query, values, callback))
    return query
  }

  #inTransaction (): boolean {
    const status = this.#client.getTransactionStatus()
    return status === 'T' || status === 'E'
  }

  #answered (statement: Statement, error: unknown, result: unknown): void {
    const failed = error !== null && error !== undefined
    const nowMs = this.#commons.clock.now()
    const tookMs = nowMs - Math.max(statement.beganAtMs, this.#answeredAtMs)
    statement.known?.took(statement.givenUp?.reason === 'deadline' ? Math.max(tookMs, endlessMs) : tookMs)
    this.#answeredAtMs = nowMs
    if (!failed) {
      this.#wire.succeeded(statement)
      statement.resolve(result)
    } else if (!this.#heal(error, statement))
      statement.reject(explainError(error, statement, this.#lost !== undefined))
    if (!failed || this.#lost !== undefined) return this.#ended(statement)
    // An error is told before the session is ready for the next.
    if (isServerError(error)) this.#client.connection.once('readyForQuery', () => this.#ended(statement))
    else if (this.#client.pipeline) this.#ended(statement)
    else this.#client.once('drain', () => this.#ended(statement))
  }

  /** @returns whether the statement is on its way once more */
  #heal (error: unknown, statement: Statement): boolean {
    if (isReadOnly(error)) this.#refusesWrites = true
    const healing = healingOf(error, statement)
    if (healing === undefined) return false
    this.#wire.heal(healing, statement)
    if (!healing.again || this.#inTransaction() || this.#lost !== undefined) return false
    this.#commons.metrics.retried.add()
    statement.retried = true
    statement.sent = false
    this.#waiting.unshift(statement)
    return true
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
    if (statement.sent) statement.end()
    this.#advance()
  }

  #advance (): void {
    this.#cancelFirst()
    if (this.#running.length === 0) this.#flatten()
    while (this.#waiting.length > 0 && this.#mayStart(this.#waiting[0]!)) this.#start(this.#waiting.shift()!)
    if (this.#whenQuiet === undefined || this.#cancelling) return
    if (this.#running.length > 0 || this.#waiting.length > 0) return
    const run = this.#whenQuiet
    this.#whenQuiet = undefined
    run()
  }

  /** Nothing is under way: what cannot be among others has its turn. */
  #flatten (): void {
    if (!this.#alwaysPipelines) this.#client.pipeline = false
    for (const run of this.#held.splice(0)) run()
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
        statement.reject(new DatabaseLostError(error, 'unknown'))
        this.#ended(statement)
      })
    )
  }
}
