import type { FastifyReply, FastifyRequest } from 'fastify'
import { IncomingMessage } from 'node:http'
import { batchMembershipOf } from '../../answer/batch/membership/index.ts'
import type { Found } from '../../answer/cache/index.ts'
import { enterContext, Problem, problemDocument, runWithContext } from '../../kernel/index.ts'
import type { Admission, Refusal } from '../../protect/admission/index.ts'
import { limitDocument, type Ruling } from '../../protect/limit/index.ts'
import type { RefusalAnswer } from '../../protect/verify/index.ts'
import type { Logger, Tracer } from '../../telemetry/index.ts'
import { answerEarly, answerRefusal } from './answer-early.ts'
import { cacheStatusHeader, sendKept } from './cached-route.ts'
import type { CallerChecks } from './caller-checks.ts'
import { DeadlineWheel } from './deadline-wheel.ts'
import { planOfRequest } from './plan-of-request.ts'
import { requestProblems } from './problem-kinds.ts'
import type { Recorder } from './recorder.ts'
import type { Refresher } from './refresher.ts'
import type { ContextSource } from './request-context.ts'
import { RequestEnd } from './request-end.ts'
import { RequestUnit, type UnitOwner } from './request-unit.ts'
import type { RoutePlan } from './route-plan.ts'
import { sendProblem } from './send-problem.ts'

export interface RequestPathParts {
  readonly source: ContextSource
  readonly recorder: Recorder
  readonly tracer: Tracer
  readonly logger: Logger | undefined
  /** Without one, everything is run at once. */
  readonly admission: Admission | undefined
  readonly callers: CallerChecks | undefined
  /** For requests that match no route. */
  readonly unmatched: RoutePlan
  readonly refresher: Refresher
}

/**
 * The way of each request before its handler: arrive, identify, limit, cache, admit, verify. The stages are plain calls in
 * one hook, because every hook more costs every request; a route pays only for those that it uses.
 */
export class RequestPath implements UnitOwner {
  readonly #source: ContextSource
  readonly #recorder: Recorder
  readonly #tracer: Tracer
  readonly #logger: Logger | undefined
  readonly #admission: Admission | undefined
  readonly #callers: CallerChecks | undefined
  readonly #unmatched: RoutePlan
  readonly #refresher: Refresher
  readonly #wheel: DeadlineWheel
  readonly #end: RequestEnd

  constructor (parts: RequestPathParts) {
    this.#source = parts.source
    this.#recorder = parts.recorder
    this.#tracer = parts.tracer
    this.#logger = parts.logger
    this.#admission = parts.admission
    this.#callers = parts.callers
    this.#unmatched = parts.unmatched
    this.#refresher = parts.refresher
    this.#wheel = new DeadlineWheel(parts.source.clock)
    this.#end = new RequestEnd({ ...parts, clock: parts.source.clock, wheel: this.#wheel })
  }

  /** Fastify's onRequest hook: calls `proceed` now, later or, for a request that is refused, never. */
  arrive (request: FastifyRequest, reply: FastifyReply, proceed: () => void): void {
    const routePlan = planOfRequest(request) ?? this.#unmatched
    const unit = new RequestUnit(this, this.#source, request, reply, routePlan)
    request.context = unit
    // A refresh costs its caller nothing, and is none of the requests that are counted.
    unit.miss = routePlan.cache === undefined ? undefined : this.#refresher.missOf(request)
    unit.inBackground = unit.miss !== undefined
    // What nobody sent over a connection may be a part of a batch, and has its deadline, lane and caller.
    if (!(request.raw instanceof IncomingMessage)) unit.joinBatch(batchMembershipOf(request.raw))
    if (this.#logger !== undefined) request.log = reply.log = this.#logger
    this.#trace(unit)
    if (!unit.inBackground) this.#recorder.begin()
    try {
      if (unit.inBackground) this.#admit(unit, proceed)
      else this.#identify(unit, proceed)
    } catch (error) {
      // A function of the app's own, say `tenantOf`: Fastify answers, and that answer has an end.
      this.#watch(unit)
      throw error
    }
  }

  #trace (unit: RequestUnit): void {
    const { traceparent } = unit.request.raw.headers
    const caller = typeof traceparent === 'string' && saysSampled(traceparent) ? unit.caller() : undefined
    if (caller !== undefined || (traceparent === undefined && this.#tracer.decide())) {
      unit.span = this.#recorder.startSpan(this.#tracer, unit.request, unit.routePlan, caller)
    }
  }

  #identify (unit: RequestUnit, proceed: () => void): void {
    const identified = unit.batch === undefined ? this.#callers?.identify(unit) : undefined
    if (identified === undefined) return this.#limit(unit, proceed)
    this.#defer(unit)
    void identified.then(() => this.#resume(unit, () => this.#limit(unit, proceed)))
  }

  #limit (unit: RequestUnit, proceed: () => void): void {
    const refused = this.#callers?.refusal(unit)
    if (refused !== undefined) return this.#turnAway(unit, refused)
    // Whoever was deferred arrived some time ago: leases may have lapsed since.
    const ruling = unit.routePlan.limit?.take(unit, unit.deferred ? undefined : unit.startedMs)
    if (ruling === undefined) return this.#lookUp(unit, proceed)
    if (!(ruling instanceof Promise)) return this.#ruled(unit, ruling, proceed)
    // A store that is not in this process; it never rejects.
    this.#defer(unit)
    void ruling.then((settled) => this.#resume(unit, () => this.#ruled(unit, settled, proceed)))
  }

  #ruled (unit: RequestUnit, ruling: Ruling, proceed: () => void): void {
    // The client left while the store was asked.
    if (unit.ended) return ruling.release()
    unit.ruling = ruling
    if (ruling.refusal === undefined) this.#lookUp(unit, proceed)
    else this.#sent(unit, answerEarly(unit, limitDocument(ruling.refusal)))
  }

  /** Before admission: what is kept costs next to nothing, and is served however busy the process is. */
  #lookUp (unit: RequestUnit, proceed: () => void): void {
    const { cache } = unit.routePlan
    // A look that the route does not have is refused where the others read it.
    if (cache === undefined || !isReadable(unit)) return this.#admit(unit, proceed)
    const found = cache.cached.lookup(unit)
    if (!(found instanceof Promise)) return this.#found(unit, found, proceed)
    this.#defer(unit)
    found.then(
      (settled) => this.#resume(unit, () => this.#found(unit, settled, proceed)),
      () => {
        // Its deadline passed while another request was making the answer, or its client left.
        if (!unit.ended)
          this.#sent(unit, answerEarly(unit, problemDocument(requestProblems.DEADLINE_EXCEEDED)))
      }
    )
  }

  #found (unit: RequestUnit, found: Found, proceed: () => void): void {
    if (found.kind === 'answer') {
      if (!unit.ended) this.#sent(unit, sendKept(unit, found))
      if (found.refresh !== undefined) void this.#refresher.run(unit.request, found.refresh)
      return
    }
    if (found.kind === 'bypass') unit.reply.header(cacheStatusHeader, found.cacheStatus)
    else if (unit.ended) return found.abandon()
    else {
      unit.miss = found
      unit.askForAll()
    }
    this.#admit(unit, proceed)
  }

  #admit (unit: RequestUnit, proceed: () => void): void {
    if (unit.ended) return
    const verdict = this.#admission?.arrive(unit) ?? 'run'
    if (verdict !== 'run' && verdict !== 'queued') return this.refuse(unit, verdict)
    this.#watch(unit)
    if (verdict === 'queued') unit.proceed = proceed
    else if (unit.deferred || !(unit.request.raw instanceof IncomingMessage)) this.start(unit, proceed)
    else {
      // Still in the callback in which node read the request, and whose async scope node ends.
      enterContext(unit)
      this.#begin(unit, proceed)
    }
  }

  /**
   * Goes on from wherever this is called: from the code that injects a request, or from a later turn of the loop,
   * whose context must not become this unit's.
   */
  start (unit: RequestUnit, proceed: () => void): void {
    runWithContext(unit, () => this.#begin(unit, proceed))
  }

  refuse (unit: RequestUnit, refusal: Refusal): void {
    unit.refused = true
    const older = unit.miss?.refused()
    if (older !== undefined) return this.#sent(unit, sendKept(unit, older))
    unit.ruling?.refund()
    this.#sent(unit, answerRefusal(unit, refusal))
  }

  /** Nobody waits any more: the client is told, and what the handler still does is counted. */
  expire (unit: RequestUnit): void {
    const { reply } = unit
    unit.expired = true
    if (reply.sent || reply.raw.headersSent) return
    const older = unit.miss?.fail()
    if (older !== undefined) return void sendKept(unit, older)
    sendProblem(new Problem(requestProblems.DEADLINE_EXCEEDED), unit.request, reply)
    // Whatever the handler still sends is dropped in silence: it is late, not wrong.
    reply.hijack()
  }

  #begin (unit: RequestUnit, proceed: () => void): void {
    unit.tell()
    if (unit.deadlineAtMs !== Number.POSITIVE_INFINITY) this.#wheel.add(unit)
    const { verify } = unit.routePlan
    if (verify === undefined) return proceed()
    const refused = this.#callers?.verify(unit, verify === 'required')
    if (!(refused instanceof Promise)) return this.#verified(unit, refused, proceed)
    void refused.then((settled) => this.#resume(unit, () => this.#verified(unit, settled, proceed)))
  }

  #verified (unit: RequestUnit, refused: RefusalAnswer | undefined, proceed: () => void): void {
    if (unit.ended || unit.expired) return
    if (refused === undefined) proceed()
    else this.#turnAway(unit, refused)
  }

  #turnAway (unit: RequestUnit, { problem, headers }: RefusalAnswer): void {
    unit.reply.headers(headers)
    this.#sent(unit, answerEarly(unit, problem.toDocument()))
  }

  /** Its way goes on in a later callback, and its client may leave before that. */
  #defer (unit: RequestUnit): void {
    unit.deferred = true
    this.#watch(unit)
  }

  /** Goes on in a later callback, where nobody else hears of what a function of the app's own, say `tenantOf`, throws. */
  #resume (unit: RequestUnit, step: () => void): void {
    try {
      step()
    } catch (error) {
      if (!unit.ended) unit.reply.send(error)
    }
  }

  /** Its end will come by itself. */
  #watch (unit: RequestUnit): void {
    if (unit.watched || unit.ended) return
    unit.watched = true
    // 'close' comes exactly once, after a finished response and after a broken connection alike.
    unit.reply.raw.on('close', () => this.#end.of(unit))
  }

  /** An answer that the system has taken in full is over; there is nothing to wait for. */
  #sent (unit: RequestUnit, isOut: boolean): void {
    if (unit.watched || !isOut) this.#watch(unit)
    else this.#end.of(unit)
  }
}

function isReadable ({ routePlan: { shape }, request }: RequestUnit): boolean {
  try {
    shape?.read(request)
    return true
  } catch {
    return false
  }
}

/** The last flag bit, read without parsing the rest; what is sampled is then parsed in full. */
function saysSampled (traceparent: string): boolean {
  return (traceparent.charCodeAt(54) & 1) === 1
}
