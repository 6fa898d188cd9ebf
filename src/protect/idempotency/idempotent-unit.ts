import { Deadline } from '../../kernel/index.ts'
import { type Answer, type AnswerLimits, keep, keepsStatus, keepWhole, type StoredAnswer } from './answer.ts'
import { IdempotencyLeaseLostError } from './errors.ts'
import type { Heartbeat, HeldLease } from './heartbeat.ts'
import type { InFlightEntry } from './in-flight.ts'
import type { OutcomeCounters } from './outcomes.ts'
import type { IdempotencyStore, KeyLease } from './store.ts'

/** What a unit is made of; its route knows. */
export interface UnitParts<Tx> {
  readonly store: IdempotencyStore<Tx>
  readonly lease: KeyLease
  readonly limits: AnswerLimits
  readonly entry: InFlightEntry
  readonly heartbeat: Heartbeat
  /** Not renewed from here on, on the clock's `now()`. */
  readonly untilMs: number
  readonly counters: OutcomeCounters
  /** Waits for the answer of the request that took the lease over. @throws Problem when there is none in time */
  readonly follow: () => Promise<StoredAnswer>
}

/** What `run` came to: an answer that is kept, or one that took no effect and is sent as it was given. */
export type Ran =
  | { readonly kept: true; readonly answer: StoredAnswer }
  | { readonly kept: false; readonly answer: Answer }

/** Carries an answer out of a transaction that must be rolled back. */
class NotKept extends Error {
  readonly answer: Answer

  constructor (answer: Answer) {
    super('the answer is not kept, so its transaction is rolled back')
    this.answer = answer
  }
}

/**
 * The one request that runs under its key. It ends in exactly one of `run`, `commitIn`, `finish` and `release`;
 * what is called after that does nothing, so that a pipeline may always `finish`.
 */
export class IdempotentUnit<Tx = unknown> {
  readonly #parts: UnitParts<Tx>
  readonly #held: HeldLease
  #state: 'running' | 'ended' = 'running'
  #answer: StoredAnswer | undefined
  #lost: AbortController | undefined
  #isLost = false

  constructor (parts: UnitParts<Tx>) {
    const { lease, untilMs, entry, heartbeat } = this.#parts = parts
    this.#held = {
      lease,
      untilMs,
      renewed: (leaseEndsMs) => {
        entry.leaseEndsMs = leaseEndsMs
      },
      lost: () => this.#lose(),
    }
    heartbeat.add(this.#held)
  }

  /** Fencing token: hand it to whatever else must refuse a holder whose lease has gone. */
  get token (): bigint {
    return this.#parts.lease.token
  }

  /** What was kept, once it is: the first answer must be these bytes, as each replay will be. */
  get answer (): StoredAnswer | undefined {
    return this.#answer
  }

  /** Aborts with {@link IdempotencyLeaseLostError} when another request has taken the key over. */
  get signal (): AbortSignal {
    if (this.#lost === undefined) {
      this.#lost = new AbortController()
      if (this.#isLost) this.#lost.abort(new IdempotencyLeaseLostError(this.token))
    }
    return this.#lost.signal
  }

  /**
   * Runs `work` in one database transaction together with the record of its answer: both are committed, or
   * neither. An answer that is not kept (5xx, 409, 429 ...; see {@link keepsStatus}) rolls back.
   *
   * When the reply to the commit is lost, what happened is looked up. When another request has taken the lease
   * over, nothing is committed and that one's answer is returned.
   *
   * @param respond makes the answer of what `work` returned, before the commit
   * @throws what `work` threw, after the rollback; IdempotencyAnswerTooLargeError; Problem
   */
  async run<Result> (
    work: (tx: Tx) => Promise<Result>,
    respond: (result: Result) => Answer | Promise<Answer>
  ): Promise<Ran> {
    const { store: { transactions, name }, limits } = this.#parts
    if (transactions === undefined) {
      throw new TypeError(
        `the ${name} store of idempotency keys has no transactions: use the postgres store, or finish()`
      )
    }
    this.#mustRun()
    try {
      const answer = await transactions.run(async (tx) => {
        const result = await work(tx)
        const given = await respond(result)
        if (!keepsStatus(given.status)) throw new NotKept(given)
        const kept = keepWhole(given, limits)
        await this.#settleIn(tx, kept)
        return kept
      })
      this.#end(answer)
      return { kept: true, answer }
    } catch (error) {
      return await this.#afterRollback(error)
    }
  }

  /**
   * Writes the record into a transaction that the caller has opened, as its last statement. Call `committed`
   * once it is, or `release` when it was rolled back.
   *
   * @throws IdempotencyLeaseLostError: roll back. IdempotencyAnswerTooLargeError: roll back.
   */
  async commitIn (tx: Tx, answer: Answer): Promise<StoredAnswer> {
    this.#mustRun()
    const kept = keepWhole(answer, this.#parts.limits)
    await this.#settleIn(tx, kept)
    return kept
  }

  /** See {@link commitIn}. */
  committed (answer: StoredAnswer): void {
    if (this.#state === 'running') this.#end(answer)
  }

  /**
   * Notes that an effect begins that no transaction undoes: a call to another service, a message. From here on a
   * crash or a throw leaves the outcome unknown, and the route's `whenUnknown` decides about the next request.
   *
   * @throws IdempotencyLeaseLostError: the effect must not begin
   */
  async beginEffect (): Promise<void> {
    this.#mustRun()
    if (this.#isLost || !(await this.#parts.store.mark(this.#parts.lease))) {
      this.#lose()
      throw new IdempotencyLeaseLostError(this.token)
    }
  }

  /**
   * Ends the request after its handler: keeps the answer, or gives the key back when its status is not kept.
   * Between the effect and this record a crash is possible, and the effect then happens again: at least once.
   *
   * @returns what to send: the kept answer; `undefined` to send the answer as it is
   * @throws Problem when the lease was taken over and the other request has no answer in time
   */
  async finish (answer: Answer): Promise<StoredAnswer | undefined> {
    if (this.#state === 'ended') return this.#answer
    const { store, lease, limits, counters } = this.#parts
    if (!keepsStatus(answer.status)) {
      await this.release()
      return undefined
    }
    const kept = keep(answer, limits)
    this.#stopRenewing()
    let settled: boolean
    try {
      settled = await store.settle(lease, kept)
    } catch {
      // The effect is there, and its answer: who gets it will not ask again.
      counters.unavailable.add()
      this.#end(undefined)
      return undefined
    }
    if (!settled) return await this.#followOther()
    this.#end(kept)
    // Too large to keep: this time there is more to send than there will be.
    return kept.body === undefined ? undefined : kept
  }

  /** Gives the key back: the handler threw, or its client was told to come back. Never throws. */
  async release (): Promise<void> {
    if (this.#state === 'ended') return
    try {
      await this.#giveBack()
    } catch {
      // The store does not answer; the lease ends by itself.
    }
  }

  async #settleIn (tx: Tx, kept: StoredAnswer): Promise<void> {
    // A renewal in flight would wait for this transaction, and then find the lease ended.
    this.#stopRenewing()
    if (await this.#parts.store.transactions?.settleIn(tx, this.#parts.lease, kept) === true) return
    throw new IdempotencyLeaseLostError(this.token)
  }

  async #afterRollback (error: unknown): Promise<Ran> {
    if (error instanceof IdempotencyLeaseLostError) return { kept: true, answer: await this.#followOther() }
    let answer: StoredAnswer | undefined
    try {
      answer = await this.#giveBack()
    } catch {
      throw error // the store does not answer, so nobody can say more than that
    }
    if (answer !== undefined) return { kept: true, answer }
    if (error instanceof NotKept) return { kept: false, answer: error.answer }
    throw error
  }

  /** @returns the answer, when it turns out that it has been committed */
  async #giveBack (): Promise<StoredAnswer | undefined> {
    const { store, lease } = this.#parts
    let answer: StoredAnswer | undefined
    this.#stopRenewing()
    try {
      const released = await store.release(lease)
      if (released.kind === 'answered') answer = released.answer
    } finally {
      this.#end(answer)
    }
    return answer
  }

  async #followOther (): Promise<StoredAnswer> {
    const { counters, follow } = this.#parts
    counters.fenced.add()
    this.#lose()
    this.#end(undefined)
    this.#answer = await follow()
    return this.#answer
  }

  #lose (): void {
    this.#isLost = true
    this.#lost?.abort(new IdempotencyLeaseLostError(this.token))
  }

  #stopRenewing (): void {
    this.#parts.heartbeat.remove(this.#held)
  }

  #end (answer: StoredAnswer | undefined): void {
    this.#stopRenewing()
    this.#state = 'ended'
    this.#answer = answer
    this.#parts.entry.end(answer)
  }

  #mustRun (): void {
    if (this.#state === 'ended') throw new Error('the request has ended its idempotency key already')
  }
}

/** When a lease is no longer renewed: at its request's deadline, or after `longestMs` for one without. */
export function renewUntilMs (deadline: Deadline, nowMs: number, longestMs: number): number {
  return deadline.atMs === Number.POSITIVE_INFINITY ? nowMs + longestMs : nowMs + deadline.remainingMs()
}
