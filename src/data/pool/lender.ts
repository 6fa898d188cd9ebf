import type { Pool, PoolClient } from 'pg'
import { type Context, currentContext, runWithoutContext } from '../../kernel/index.ts'
import { DatabaseLostError, PoolLineFullError, PoolWaitTimeoutError } from './errors.ts'
import { giveUpReason, refusalOf } from './giving-up.ts'
import { type PoolClass, poolClasses, PoolShares } from './pool-class.ts'
import { Session, type SessionCommons } from './session.ts'
import type { Statement } from './statement.ts'
import { WaitingLine } from './waiting-line.ts'

export interface LenderOptions extends SessionCommons {
  /** The longest wait for a connection, in milliseconds. */
  readonly waitMs: number
  /** How many may wait, in each class. */
  readonly lineLimit: number
  readonly shares: PoolShares
}

/** Hears of a connection, or of why there is none. */
export type Borrower = (error: unknown, client?: PoolClient) => void

type Connect = (callback: (error: Error | undefined, client: PoolClient, done: Release) => void) => void
type Release = (error?: Error | boolean) => void

/** What a request asked for: a connection, or only that a statement be run on some. */
type Wish = { readonly borrower: Borrower } | { readonly statement: Statement }

/** One piece of work that asked for a connection, until it has one or gives up. */
class Request {
  readonly wish: Wish
  readonly poolClass: PoolClass
  /** When it began to wait; 0 for one that need not. */
  readonly sinceMs: number
  readonly context: Context | undefined
  readonly #onGiveUp: (request: Request, error: unknown) => void
  #signal: AbortSignal | undefined
  answered = false

  constructor (
    wish: Wish,
    poolClass: PoolClass,
    sinceMs: number,
    context: Context | undefined,
    onGiveUp: (request: Request, error: unknown) => void
  ) {
    this.wish = wish
    this.poolClass = poolClass
    this.sinceMs = sinceMs
    this.context = context
    this.#onGiveUp = onGiveUp
  }

  /** From now on the abort of its work ends it. */
  watch (): void {
    if (this.#signal !== undefined || this.context === undefined) return
    this.#signal = this.context.signal
    this.#signal.addEventListener('abort', this)
  }

  handleEvent (): void {
    this.#onGiveUp(this, this.#signal?.reason)
  }

  /** It waits no more. */
  settle (): void {
    this.answered = true
    this.#signal?.removeEventListener('abort', this)
  }

  refuse (error: unknown): void {
    this.settle()
    if ('statement' in this.wish) this.wish.statement.reject(error)
    else this.wish.borrower(error)
  }
}

/** A connection that the pool has handed out, and how it takes it back. */
interface Loan {
  readonly client: PoolClient
  readonly session: Session
  readonly done: Release
}

/**
 * Lends the connections of a pool, first come, first served. Whoever waits gives up its place when its
 * deadline passes, when its caller leaves, or after the longest wait.
 */
export class Lender {
  readonly #pool: Pool
  readonly #connect: Connect
  readonly #poolIdle: () => number
  readonly #options: LenderOptions
  readonly #sessions: WeakMap<PoolClient, Session> = new WeakMap()
  readonly #lines: Readonly<Record<PoolClass, WaitingLine<Request>>>
  /** Connections that came back in this turn of the event loop: work often asks again within it. */
  readonly #warm: Loan[] = []

  /** @param pool as it was before its `connect` was replaced by one that asks this lender */
  constructor (pool: Pool, options: LenderOptions) {
    this.#pool = pool
    this.#connect = pool.connect.bind(pool)
    // That of the pool's class: its own will answer with what this lender says.
    const { prototype } = pool.constructor as { readonly prototype: Pool }
    this.#poolIdle = () => Reflect.get(prototype, 'idleCount', pool)
    this.#options = options
    const line = (): WaitingLine<Request> => new WaitingLine({ ...options, expire: this.#expire })
    this.#lines = { interactive: line(), worker: line(), relay: line() }
  }

  /** Connections that are open and not in use. */
  get idle (): number {
    return this.#poolIdle() + this.#warm.length
  }

  get waiting (): number {
    return poolClasses.reduce((sum, poolClass) => sum + this.#lines[poolClass].size, 0)
  }

  waitingIn (poolClass: PoolClass): number {
    return this.#lines[poolClass].size
  }

  /** Asks for a connection under the deadline of the current context. `answer` is called exactly once. */
  borrow (borrower: Borrower, poolClass: PoolClass): void {
    this.#ask({ borrower }, poolClass, currentContext())
  }

  /** Runs a statement on a connection that is lent for it alone, or for several such statements. */
  run (statement: Statement, poolClass: PoolClass): void {
    this.#ask({ statement }, poolClass, statement.context)
  }

  #ask (wish: Wish, poolClass: PoolClass, context: Context | undefined): void {
    const { clock, shares, lineLimit, metrics } = this.#options
    const refusal = context === undefined ? undefined : refusalOf(context)
    const line = this.#lines[poolClass]
    const room = line.size === 0 && shares.mayTake(poolClass)
    const sinceMs = room && this.idle > 0 ? 0 : clock.now()
    const request = new Request(wish, poolClass, sinceMs, context, this.#giveUp)
    if (refusal !== undefined) return request.refuse(refusal)
    if (room) {
      shares.take(poolClass)
      return this.#open(request)
    }
    if (line.size >= lineLimit) {
      metrics.timeouts.line_full.add()
      return request.refuse(new PoolLineFullError(line.size))
    }
    line.join(request)
    request.watch()
  }

  #giveUp = (request: Request, reason: unknown): void => {
    this.#options.metrics.timeouts[giveUpReason(reason)].add()
    this.#lines[request.poolClass].leave(request)
    request.refuse(reason)
  }

  #expire = (request: Request): void => {
    const { metrics, waitMs } = this.#options
    metrics.timeouts.wait.add()
    request.refuse(new PoolWaitTimeoutError(waitMs, this.#pool.options.max))
  }

  #open (request: Request): void {
    const warm = this.#warm.pop()
    if (warm !== undefined) {
      // Nobody who asks for a connection is answered before `connect` has returned.
      if ('borrower' in request.wish) process.nextTick(() => this.#pass(warm, request))
      else this.#pass(warm, request)
      return
    }
    const opened = (error: Error | undefined, client: PoolClient, done: Release): void =>
      this.#opened(request, error, client, done)
    if (this.#poolIdle() > 0) return this.#connect(opened)
    request.watch()
    // A connection serves many requests, and must not hold the one for which it happened to be opened.
    runWithoutContext(() => this.#connect(opened))
  }

  #opened (request: Request, error: Error | undefined, client: PoolClient, done: Release): void {
    if (error !== undefined && error !== null) {
      this.#options.shares.giveBack(request.poolClass)
      if (!request.answered) request.refuse(new DatabaseLostError(error, 'none'))
      return this.#serveNext()
    }
    let session = this.#sessions.get(client)
    if (session === undefined) {
      session = new Session(client, this.#options)
      this.#sessions.set(client, session)
    }
    const loan = { client, session, done }
    if (request.answered) this.#end(loan, request.poolClass)
    else this.#serve(request, loan)
  }

  #serve (request: Request, loan: Loan): void {
    const { client, session } = loan
    const { wish, poolClass } = request
    this.#begin(request)
    if ('borrower' in wish) {
      client.release = this.#releaseOnce(loan, poolClass)
      return wish.borrower(undefined, client)
    }
    const { first } = this.#lines[poolClass]
    if (first === undefined || 'borrower' in first.wish) session.submit(wish.statement)
    else session.together(() => this.#share(session, wish.statement, poolClass))
    session.whenQuiet(() => this.#end(loan, poolClass))
  }

  #begin (request: Request): void {
    const { clock, metrics } = this.#options
    request.settle()
    metrics.waits.record(request.sinceMs === 0 ? 0 : (clock.now() - request.sinceMs) / 1_000)
  }

  /**
   * Runs a statement, and with it those that wait behind it, as far as they may share a connection: their part of
   * all that wait, since the other connections come back, too.
   */
  #share (session: Session, statement: Statement, poolClass: PoolClass): void {
    session.submit(statement)
    const line = this.#lines[poolClass]
    for (let room = Math.ceil(line.size / this.#pool.options.max); room > 0; room--) {
      const { first } = line
      if (first === undefined || !('statement' in first.wish) || !session.mayShare(first.wish.statement))
        return
      line.leave(first)
      this.#begin(first)
      session.submit(first.wish.statement)
    }
  }

  #releaseOnce (loan: Loan, poolClass: PoolClass): Release {
    let released = false
    return (error) => {
      if (released) throw new Error('Release called on client which has already been released to the pool.')
      released = true
      // Whoever wants the connection gone does not wait for what it runs.
      if (error !== undefined && error !== false && error !== null) this.#end(loan, poolClass, error)
      else loan.session.whenQuiet(() => this.#end(loan, poolClass))
    }
  }

  #end (loan: Loan, poolClass: PoolClass, error?: Error | true): void {
    const reason = loan.session.endLoan() ?? error
    this.#options.shares.giveBack(poolClass)
    if (reason !== undefined || !this.#mayKeep()) {
      loan.done(reason)
      return this.#serveNext()
    }
    const next = this.#next()
    if (next !== undefined) return this.#pass(loan, next)
    if (this.#warm.push(loan) === 1) setImmediate(this.returnAll)
  }

  /** A connection goes from one loan to the next without the pool, which is told as if it had come back. */
  #pass (loan: Loan, request: Request): void {
    const lost = loan.session.endLoan()
    if (lost !== undefined) {
      loan.done(lost)
      return this.#open(request)
    }
    this.#pool.emit('release', undefined, loan.client)
    this.#pool.emit('acquire', loan.client)
    this.#serve(request, loan)
  }

  /** Gives the pool back what nobody asked for. */
  readonly returnAll = (): void => {
    for (const { done } of this.#warm.splice(0)) done()
  }

  /** Whether a connection may go to the next without the pool, which ends those that are old or used up. */
  #mayKeep (): boolean {
    const { ending, options } = this.#pool
    return !ending && options.maxUses === Number.POSITIVE_INFINITY && options.maxLifetimeSeconds === 0
  }

  #serveNext (): void {
    for (let next = this.#next(); next !== undefined; next = this.#next()) this.#open(next)
  }

  /** Takes whoever waits longest, of those whose class may have a connection, out of its line. */
  #next (): Request | undefined {
    let found: Request | undefined
    for (const poolClass of poolClasses) {
      const { first } = this.#lines[poolClass]
      if (first === undefined || found !== undefined && found.sinceMs <= first.sinceMs) continue
      if (this.#options.shares.mayTake(poolClass)) found = first
    }
    if (found === undefined) return undefined
    this.#lines[found.poolClass].leave(found)
    this.#options.shares.take(found.poolClass)
    return found
  }
}
