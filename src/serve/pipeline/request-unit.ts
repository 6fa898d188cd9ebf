import type { FastifyReply, FastifyRequest } from 'fastify'
import type { BatchMembership } from '../../answer/batch/membership/index.ts'
import type { Miss } from '../../answer/cache/index.ts'
import type { Transaction } from '../../data/index.ts'
import type { AdmissionClass, AdmissionUnit, Refusal, UnitStage } from '../../protect/admission/index.ts'
import type { IdempotentUnit } from '../../protect/idempotency/index.ts'
import type { Ruling } from '../../protect/limit/index.ts'
import type { BotVerdict, VerifiedSignature } from '../../protect/verify/index.ts'
import { noSlot, type WheelEntry } from './deadline-wheel.ts'
import { type GivenHeaders, namesIn, type Teller, tellInHead } from './head-lines.ts'
import { type ContextSource, RequestContext } from './request-context.ts'
import { requestIdHeader } from './request-id.ts'
import type { RoutePlan } from './route-plan.ts'

/** Who moves a unit along its way. */
export interface UnitOwner {
  start(unit: RequestUnit, proceed: () => void): void
  refuse(unit: RequestUnit, refusal: Refusal): void
  expire(unit: RequestUnit): void
}

/**
 * One request on its way: its context, and what each stage has to remember of it. One object, so that the
 * stages allocate nothing.
 */
export class RequestUnit extends RequestContext implements AdmissionUnit, WheelEntry, Teller {
  readonly reply: FastifyReply
  /** Who its client is taken for, where bots are scored. */
  bot: BotVerdict | undefined
  /** The signature, once it has been verified. */
  verification: VerifiedSignature | undefined
  /** Its way went on in a later callback than the one in which it arrived. */
  deferred = false
  /** What the limits said, once they were asked. */
  ruling: Ruling | undefined
  /** There when the request is the one that runs under its idempotency key. */
  idempotency: IdempotentUnit<Transaction> | undefined
  /** What its answer is to fill; there when the cache had nothing. */
  miss: Miss | undefined
  /** Its answer was made for an earlier request, and costs nothing. */
  replayed = false
  /** Its own headers are seen to. */
  told = false
  /** Admission refused it. */
  refused = false
  /** Its end is listened for. */
  watched = false
  /** The response is out, or the client has gone. */
  ended = false
  /** Goes on to the handler; there while the unit waits to be admitted. */
  proceed: (() => void) | undefined
  /** What the handler returned, when it is still at work. */
  work: PromiseLike<unknown> | undefined
  /** The deadline passed before the answer was out. */
  expired = false
  admissionStage: UnitStage = 0
  admittedMs = 0
  wheelNext: WheelEntry | undefined
  wheelPrevious: WheelEntry | undefined
  wheelSlot: number = noSlot
  readonly #owner: UnitOwner

  constructor (
    owner: UnitOwner,
    source: ContextSource,
    request: FastifyRequest,
    reply: FastifyReply,
    routePlan: RoutePlan
  ) {
    super(source, request, routePlan)
    this.#owner = owner
    this.reply = reply
    this.bot = undefined
    this.verification = undefined
    this.ruling = undefined
    this.idempotency = undefined
    this.miss = undefined
    this.proceed = undefined
    this.work = undefined
  }

  /**
   * Sees to it that the request is told of itself: its id, and what limits leave it. Over HTTP/1 that is no header of the
   * reply, so that nothing but the head has it, and a route that says the same itself has the last word.
   */
  tell (): void {
    if (this.told) return
    this.told = true
    if (tellInHead(this.reply.raw, this)) return
    this.reply.header(requestIdHeader, this.id)
    if (this.ruling !== undefined) {
      for (const [name, value] of this.ruling.headers()) this.reply.header(name, value)
    }
  }

  /** The same as lines of a head, as long as nobody sees to it. */
  get ownLines (): string {
    return this.told ? '' : this.#allLines()
  }

  linesBeside (given: GivenHeaders): string {
    if (!mayNameOurs(given)) return this.#allLines()
    const names = namesIn(given)
    const own = [[requestIdHeader, this.id] as const, ...this.ruling?.headers() ?? []]
    return own.map(([name, value]) => names.includes(name) ? '' : `${name}: ${value}\r\n`).join('')
  }

  #allLines (): string {
    return `${requestIdHeader}: ${this.id}\r\n${this.ruling?.lines() ?? ''}`
  }

  /** As a part of a batch it is of the batch's caller, who has been looked at already. */
  joinBatch (batch: BatchMembership | undefined): void {
    if (batch === undefined) return
    this.batch = batch
    if (!(batch.whole instanceof RequestUnit)) return
    this.agent = batch.whole.agent
    this.bot = batch.whole.bot
    this.treatment = batch.whole.treatment
  }

  get admissionClass (): AdmissionClass {
    const { admissionClass } = this.routePlan
    if (admissionClass === undefined) throw new Error('admission is off, so nobody asks for a class')
    return admissionClass
  }

  run (): void {
    const { proceed } = this
    this.proceed = undefined
    if (proceed !== undefined) this.#owner.start(this, proceed)
  }

  refuse (refusal: Refusal): void {
    this.proceed = undefined
    this.#owner.refuse(this, refusal)
  }

  expire (): void {
    this.#owner.expire(this)
  }
}

/** Ours are `x-request-id`, `ratelimit`, `ratelimit-policy` and `retry-after`: few others begin as they do. */
function mayNameOurs (given: GivenHeaders): boolean {
  if (Array.isArray(given)) return true
  for (const name in given) {
    const first = name.charCodeAt(0) | 0x20
    if (first === 0x78 || first === 0x72) return true
  }
  return false
}
