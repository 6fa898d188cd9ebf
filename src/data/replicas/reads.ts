import { EventEmitter } from 'node:events'
import type { Pool, PoolClient } from 'pg'
import { type Context, currentContext } from '../../kernel/index.ts'
import { keptEffectOf } from './effect.ts'
import { replicasFault } from './errors.ts'
import type { WalPosition } from './lsn.ts'
import type { ReplicaMetrics } from './metrics.ts'
import { explain, inReadOnlyTransaction, readOnlyClient } from './read-only-client.ts'
import type { Replica, ReplicaStatus } from './replica.ts'
import type { ReadRouter, Route } from './router.ts'
import type { WriteNotes } from './write-notes.ts'

/**
 * A pool for reads: each unit of work is served by a replica that shows all that the unit has written, and by the
 * primary in doubt. It is used as any pool of `pg`, except that it refuses writes with a WriteOnReadsError.
 */
export interface Reads extends Pool, AsyncDisposable {
  /** What is known of each replica at this moment. */
  readonly replicas: readonly ReplicaStatus[]
  /**
   * The reads of a unit of work show what `token` stands for: what its client wrote before, on whichever machine.
   * To be called when the unit begins; it only takes a note.
   *
   * @param token as {@link consistencyToken} gave it to the client; `undefined`, and anything a client may make up,
   *   does no harm
   * @param context of the unit. @default the current one
   */
  withConsistency(token: string | undefined, context?: Context): void
  /**
   * What the client of a unit of work shows with its next one (`withConsistency`), so that it reads what this one
   * wrote. Text of letters, digits, `-` and `_`.
   *
   * @param context of the unit. @default the current one
   * @returns `undefined` when the unit wrote nothing. A promise only where the primary must be asked; it never
   *   rejects, and is not kept waiting for longer than 100 ms
   */
  consistencyToken(context?: Context): string | undefined | Promise<string | undefined>
  /**
   * The unit has written in a way that no statement of `app.data` shows: with `COPY`, in a view's function, by a call
   * to another service. Its reads show that, too.
   *
   * @param context of the unit. @default the current one
   */
  wrote(context?: Context): void
  /** Closes what was opened for it: pools of replicas that it was given by URL, and its own connections. */
  close(): Promise<void>
}

export interface ReadPoolParts {
  readonly primary: Pool
  readonly router: ReadRouter
  readonly notes: WriteNotes
  readonly replicas: readonly Replica[]
  readonly metrics: ReplicaMetrics
  readonly close: () => Promise<void>
}

type Query = (text: unknown, values?: unknown) => Promise<unknown>
type QueryCallback = (error: unknown, result?: unknown) => void
type ConnectCallback = (error: unknown, client: PoolClient | undefined, done: PoolClient['release']) => void

/** How long a response may wait for its token, in milliseconds. */
const tokenLimitMs = 100

/** Named so that those who look for a pool by its constructor's name find one. */
export class ReadPool extends EventEmitter {
  readonly #parts: ReadPoolParts
  #closing: Promise<void> | undefined

  constructor (parts: ReadPoolParts) {
    super()
    this.#parts = parts
  }

  get options (): Pool['options'] {
    return this.#parts.primary.options
  }

  get totalCount (): number {
    return this.#parts.primary.totalCount
  }

  get idleCount (): number {
    return this.#parts.primary.idleCount
  }

  get waitingCount (): number {
    return this.#parts.primary.waitingCount
  }

  get ended (): boolean {
    return this.#closing !== undefined
  }

  get replicas (): readonly ReplicaStatus[] {
    return this.#parts.replicas.map(({ status }) => status)
  }

  withConsistency (token: string | undefined, context: Context | undefined = currentContext()): void {
    if (token === undefined || this.#parts.replicas.length === 0) return
    this.#parts.notes.of(context).token = token
  }

  consistencyToken (
    context: Context | undefined = currentContext()
  ): string | undefined | Promise<string | undefined> {
    return this.#parts.router.token(context, tokenLimitMs)
  }

  wrote (context: Context | undefined = currentContext()): void {
    this.#parts.notes.wrote(context)
  }

  query (text: unknown, values?: unknown, callback?: unknown): unknown {
    if (typeof text === 'object' && text !== null && 'submit' in text) {
      throw new TypeError('cursors and streams need a session: take one with connect()')
    }
    const given = typeof values === 'function' ? values : callback
    const result = this.#read(text, typeof values === 'function' ? undefined : values)
    if (typeof given !== 'function') return result
    const answer = given as QueryCallback
    // Out of the promise, so that what the callback throws is an uncaught exception, as it is in pg.
    result.then(
      (rows) => setImmediate(answer, undefined, rows),
      (error: unknown) => setImmediate(answer, error)
    )
    return undefined
  }

  connect (callback?: ConnectCallback): Promise<PoolClient> | undefined {
    const opening = this.#open()
    if (callback === undefined) return opening
    opening.then(
      (client) => setImmediate(callback, undefined, client, client.release),
      (error: unknown) => setImmediate(callback, error, undefined, () => {})
    )
    return undefined
  }

  /** As {@link close}: the primary's pool is not this one's to end. */
  end (callback?: () => void): Promise<void> | undefined {
    const ending = this.close()
    if (callback === undefined) return ending
    ending.then(() => setImmediate(callback), () => setImmediate(callback))
    return undefined
  }

  close (): Promise<void> {
    this.#closing ??= this.#parts.close()
    return this.#closing
  }

  [Symbol.asyncDispose] (): Promise<void> {
    return this.close()
  }

  async #read (text: unknown, values: unknown): Promise<unknown> {
    const { metrics, router } = this.#parts
    const route = router.route(currentContext())
    const target: Route = route instanceof Promise ? await route : route
    if (typeof target === 'string') {
      metrics.byPrimary[target].add()
      return this.#readPrimary(text, values)
    }
    try {
      return await readReplica(target, this.#floor(), text, values, metrics)
    } catch (error) {
      const fault = replicasFault(error)
      if (fault === undefined) return explain(error)
      if (fault === 'lost') target.failed()
      metrics.byPrimary.retry.add()
      return this.#readPrimary(text, values)
    }
  }

  /** What the current unit's reads must show. */
  #floor (): WalPosition | undefined {
    return this.#parts.notes.find(currentContext())?.floor
  }

  async #readPrimary (text: unknown, values: unknown): Promise<unknown> {
    const { primary, notes } = this.#parts
    const sql = typeof text === 'string' ? text : (text as { readonly text?: unknown } | null)?.text
    if (typeof sql === 'string' && keptEffectOf(sql) === 'reads') {
      return (primary.query as unknown as Query)(text, values)
    }
    const client = await primary.connect()
    const query = client.query.bind(client) as Query
    try {
      const send: Query = (text, values) => notes.quietly(() => query(text, values))
      return await inReadOnlyTransaction(send, text, values).catch(explain)
    } finally {
      client.release()
    }
  }

  async #open (): Promise<PoolClient> {
    const { router, primary, notes, metrics } = this.#parts
    const route = router.route(currentContext())
    const target: Route = route instanceof Promise ? await route : route
    const quietly = notes.quietly.bind(notes)
    if (typeof target !== 'string') {
      target.inFlight++
      try {
        const client = await target.connect(this.#floor())
        metrics.byReplica(target.name).add()
        return readOnlyClient(client, { mayWrite: false, quietly, onRelease: () => target.inFlight-- })
      } catch (error) {
        target.inFlight--
        if (replicasFault(error) === undefined) throw error
        target.failed()
      }
    }
    metrics.byPrimary[typeof target === 'string' ? target : 'retry'].add()
    return readOnlyClient(await primary.connect(), { mayWrite: true, quietly, onRelease: () => {} })
  }
}

async function readReplica (
  replica: Replica,
  floor: WalPosition | undefined,
  text: unknown,
  values: unknown,
  metrics: ReplicaMetrics
): Promise<unknown> {
  metrics.byReplica(replica.name).add()
  replica.inFlight++
  try {
    const client = await replica.connect(floor)
    try {
      const result = await (client.query as unknown as Query)(text, values)
      replica.succeeded()
      return result
    } finally {
      client.release()
    }
  } finally {
    replica.inFlight--
  }
}
