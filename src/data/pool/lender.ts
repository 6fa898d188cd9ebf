import type { Pool, PoolClient } from 'pg'
import { type Cancel, type Context, currentContext, runWithoutContext } from '../../kernel/index.ts'
import { DatabaseLostError, PoolWaitTimeoutError } from './errors.ts'
import type { PoolState } from './metrics.ts'
import { giveUpReason, refusalOf, Session, type SessionCommons } from './session.ts'

export interface LenderOptions extends SessionCommons {
  /** The longest wait for a connection, in milliseconds. */
  readonly waitMs: number
}

/** Hears of a connection, or of why there is none. */
export type Borrower = (error: unknown, client?: PoolClient, session?: Session) => void

type Connect = (callback: (error: Error | undefined, client: PoolClient, done: Release) => void) => void
type Release = (error?: Error | boolean) => void

/** One piece of work that asked for a connection, until it has one or gives up. */
class Request {
  /** When it began to wait; `undefined` for one that need not. */
  readonly sinceMs: number | undefined
  readonly context: Context | undefined
  readonly #answer: Borrower
  readonly #onGiveUp: (request: Request, error: unknown) => void
  #signal: AbortSignal | undefined
  #cancelTimer: Cancel | undefined
  answered = false

  constructor (
    answer: Borrower,
    sinceMs: number | undefined,
    context: Context | undefined,
    onGiveUp: (request: Request, error: unknown) => void
  ) {
    this.#answer = answer
    this.sinceMs = sinceMs
    this.context = context
    this.#onGiveUp = onGiveUp
  }

  /** From now on the abort of its work, or the timer, ends it. */
  watch (timer?: Cancel): void {
    this.#cancelTimer = timer
    if (this.#signal !== undefined || this.context === undefined) return
    this.#signal = this.context.signal
    this.#signal.addEventListener('abort', this)
  }

  handleEvent (): void {
    this.#onGiveUp(this, this.#signal?.reason)
  }

  stopTimer (): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }

  answer (error: unknown, client?: PoolClient, session?: Session): void {
    this.answered = true
    this.stopTimer()
    this.#signal?.removeEventListener('abort', this)
    this.#answer(error, client, session)
  }
}

/**
 * Lends the connections of a pool, first come, first served. Whoever waits gives up its place when its
 * deadline passes, when its caller leaves, or after the longest wait.
 */
export class Lender {
  readonly #pool: Pool
  readonly #connect: Connect
  readonly #options: LenderOptions
  readonly #sessions: WeakMap<PoolClient, Session> = new WeakMap()
  readonly #line: Set<Request> = new Set()
  #lent = 0

  /** @param pool as it was before its `connect` was replaced by one that asks this lender */
  constructor (pool: Pool, options: LenderOptions) {
    this.#pool = pool
    this.#connect = pool.connect.bind(pool)
    this.#options = options
  }

  get state (): PoolState {
    const { idleCount: idle, options: { max } } = this.#pool
    return { used: this.#lent, idle, waiting: this.#line.size, max }
  }

  /** Asks for a connection under the deadline of the current context. `answer` is called exactly once. */
  borrow (answer: Borrower): void {
    const context = currentContext()
    const refusal = context === undefined ? undefined : refusalOf(context)
    if (refusal !== undefined) return answer(refusal)
    const { clock, waitMs, metrics } = this.#options
    const { idleCount, options: { max } } = this.#pool
    const room = this.#lent < max
    const sinceMs = room && idleCount > 0 ? undefined : clock.now()
    const request = new Request(answer, sinceMs, context, this.#giveUp)
    if (room) return this.#lend(request)
    this.#line.add(request)
    request.watch(clock.after(waitMs, () => {
      metrics.timeouts.wait.add()
      this.#line.delete(request)
      request.answer(new PoolWaitTimeoutError(waitMs, max))
    }))
  }

  #giveUp = (request: Request, reason: unknown): void => {
    this.#options.metrics.timeouts[giveUpReason(reason)].add()
    this.#line.delete(request)
    request.answer(reason)
  }

  #lend (request: Request): void {
    this.#lent++
    const free = this.#pool.idleCount > 0
    // A connection serves many requests, and must not hold the one for which it happened to be opened.
    if (free) this.#connect((error, client, done) => this.#opened(request, error, client, done))
    else {
      request.watch()
      runWithoutContext(() =>
        this.#connect((error, client, done) => this.#opened(request, error, client, done))
      )
    }
  }

  #opened (request: Request, error: Error | undefined, client: PoolClient, done: Release): void {
    if (error !== undefined && error !== null) {
      this.#returned()
      if (!request.answered) request.answer(new DatabaseLostError(error))
      return
    }
    let session = this.#sessions.get(client)
    if (session === undefined) {
      session = new Session(client, this.#options)
      this.#sessions.set(client, session)
    }
    if (request.answered) {
      done()
      this.#returned()
      return
    }
    client.release = this.#releaseOnce(session, done)
    const { clock, metrics } = this.#options
    metrics.waits.record(request.sinceMs === undefined ? 0 : (clock.now() - request.sinceMs) / 1_000)
    request.answer(undefined, client, session)
  }

  #releaseOnce (session: Session, done: Release): Release {
    let released = false
    return (error) => {
      if (released) throw new Error('Release called on client which has already been released to the pool.')
      released = true
      const finish = (): void => {
        done(session.endLoan() ?? error)
        this.#returned()
      }
      // Whoever wants the connection gone does not wait for what it runs.
      if (error !== undefined && error !== false && error !== null) finish()
      else session.whenQuiet(finish)
    }
  }

  #returned (): void {
    this.#lent--
    const [next] = this.#line
    if (next === undefined || this.#lent >= this.#pool.options.max) return
    this.#line.delete(next)
    next.stopTimer()
    this.#lend(next)
  }
}
