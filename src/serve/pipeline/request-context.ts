import type { FastifyRequest } from 'fastify'
import type { IncomingHttpHeaders } from 'node:http'
import type { BatchMembership } from '../../answer/batch/membership/index.ts'
import type { CacheRequest } from '../../answer/cache/index.ts'
import {
  clampDeadline,
  type Clock,
  type Context,
  type Criticality,
  Deadline,
  MalformedDeadline,
  newTrace,
  parseTraceparent,
  type Random,
  readDeadlineHeaders,
  type TraceContext,
  WorkSignal,
} from '../../kernel/index.ts'
import { clientKey, type LimitSubject } from '../../protect/limit/index.ts'
import type { BotTreatment } from '../../protect/verify/index.ts'
import type { Span } from '../../telemetry/index.ts'
import { lower, readCriticality } from './criticality-header.ts'
import type { Edge } from './edge.ts'
import { originOf } from './origin.ts'
import type { RoutePlan } from './route-plan.ts'

/** Asks the app who a request is from; see the options of the same names. */
export type WhoseOf = (request: FastifyRequest) => string | undefined

/** By which a client asks for less than the whole answer. */
const partialHeaders = ['if-none-match', 'if-modified-since', 'range', 'if-range'] as const

/** What all requests of an app share, so that one context is one small object. */
export interface ContextSource {
  readonly clock: Clock
  readonly random: Random
  readonly edge: Edge
  readonly tenantOf: WhoseOf | undefined
  readonly planOf: WhoseOf | undefined
  readonly apiKeyOf: WhoseOf | undefined
  readonly userOf: WhoseOf | undefined
  /** The highest criticality that the requests of a caller's plan may have; empty where no plan names one. */
  readonly ceilings: ReadonlyMap<string, Criticality | undefined>
  /** The longest deadline that a trusted caller may ask for, in milliseconds. */
  readonly maxDeadlineMs: number
}

/**
 * The context of one request. What most requests never ask for - the parsed trace, the tenant, the
 * deadline - is worked out when it is first asked for, and stays the same from then on.
 */
export class RequestContext implements Context, LimitSubject, CacheRequest<FastifyRequest> {
  readonly request: FastifyRequest
  readonly routePlan: RoutePlan
  /** On the clock's `now()`, in milliseconds: when the request's headers had been read. */
  readonly startedMs: number
  /** Present when this request is being traced. */
  span: Span | undefined
  /** The verified name of the agent that signed the request. */
  agent: string | undefined
  /** What its client gets for what it looks like. */
  treatment: BotTreatment | undefined
  /** Nobody waits for the answer: it is made for the cache. */
  inBackground = false
  /** The batch that it is a part of. */
  batch: BatchMembership | undefined
  protected readonly commons: ContextSource
  #trace: TraceContext | undefined
  #tenant: string | undefined | null = null
  #plan: string | undefined | null = null
  #criticality: Criticality | undefined
  #deadlineAtMs = Number.NaN
  #deadline: Deadline | undefined
  #signal: WorkSignal | undefined
  #sent: IncomingHttpHeaders | undefined

  constructor (source: ContextSource, request: FastifyRequest, routePlan: RoutePlan) {
    this.commons = source
    this.request = request
    this.routePlan = routePlan
    this.startedMs = source.clock.now()
    this.span = undefined
    this.agent = undefined
    this.treatment = undefined
    this.batch = undefined
  }

  get id (): string {
    return this.request.id
  }

  /** A trusted caller's word, else the route's; never above what its plan or treatment allows. */
  get criticality (): Criticality {
    if (this.#criticality === undefined) {
      const { headers, socket } = this.request.raw
      const said = readCriticality(headers)
      const asked = this.batch?.whole?.criticality ??
        (said !== undefined && this.commons.edge.trusts(socket) ? said : this.routePlan.criticality)
      const allowed = this.commons.ceilings.size === 0 ? asked : lower(asked, this.#ceiling())
      this.#criticality = this.inBackground ? 'background' : lower(allowed, this.treatment?.lane)
    }
    return this.#criticality
  }

  /** The request's own span; without one, the caller's, or a new trace that nobody records. */
  get trace (): TraceContext {
    const trace = this.#trace ?? this.span?.trace ?? this.caller() ?? newTrace(false, this.commons.random)
    this.#trace = trace
    return trace
  }

  get tenant (): string | undefined {
    if (this.#tenant === null) this.#tenant = this.commons.tenantOf?.(this.request)
    return this.#tenant
  }

  /** What the caller has subscribed to, e.g. `pro`; a treatment's plan goes before it. */
  get plan (): string | undefined {
    if (this.#plan === null) this.#plan = this.treatment?.limits ?? this.commons.planOf?.(this.request)
    return this.#plan
  }

  /** The client's, as the trusted proxies tell it. */
  get address (): string {
    return this.request.ip
  }

  /** The same for all addresses of one client: an IPv6 address stands for its /64. */
  get client (): string {
    return clientKey(this.address)
  }

  get apiKey (): string | undefined {
    return this.commons.apiKeyOf?.(this.request)
  }

  /** What functions of the app's own get. */
  get source (): FastifyRequest {
    return this.request
  }

  /** Who of its tenant calls, where the app can tell; asked each time, for the cache alone. */
  get user (): string | undefined {
    return this.commons.userOf?.(this.request)
  }

  get method (): string {
    return this.request.method
  }

  get url (): string {
    return this.request.raw.url ?? '/'
  }

  get origin (): string {
    return originOf(this.request.protocol, this.request.host)
  }

  /** As the client sent them. */
  get headers (): IncomingHttpHeaders {
    return this.#sent ?? this.request.raw.headers
  }

  /**
   * Takes from the request what is between the client and the cache, so that the handler makes a whole answer: the
   * cache gives a part of it, or a 304, by what the client sent.
   */
  askForAll (): void {
    const { raw } = this.request
    if (!partialHeaders.some((name) => raw.headers[name] !== undefined)) return
    this.#sent = { ...raw.headers }
    for (const name of partialHeaders) delete raw.headers[name]
  }

  get query (): unknown {
    return this.request.query
  }

  get params (): unknown {
    return this.request.params
  }

  /**
   * Which look of the answer the client wants, where there are several: part of what the answer is kept by.
   *
   * @throws Problem when the route has none that it would take
   */
  get variant (): string {
    return this.routePlan.shape?.read(this.request).variant ?? ''
  }

  /** The earlier of the route's own deadline and a trusted caller's, else the default; infinite for none. */
  get deadlineAtMs (): number {
    if (Number.isNaN(this.#deadlineAtMs)) this.#deadlineAtMs = this.startedMs + this.#allowedMs()
    return this.#deadlineAtMs
  }

  /** Counted from the request's arrival, however late it is asked for. */
  get deadline (): Deadline {
    if (this.#deadline === undefined) {
      const { clock } = this.commons
      const atMs = this.deadlineAtMs
      this.#deadline = atMs === Number.POSITIVE_INFINITY ?
        Deadline.none :
        Deadline.in(atMs - clock.now(), clock)
    }
    return this.#deadline
  }

  get signal (): AbortSignal {
    return this.#work().signal
  }

  /** The caller has left: whoever asked for the signal stops. */
  leave (): void {
    this.#work().leave(this.commons.clock.now())
  }

  /** The work has ended; @returns for how long it went on with nobody waiting for it, in milliseconds */
  settle (): number {
    if (this.#signal === undefined) return 0
    this.#signal.settle()
    return this.#signal.overrunMs(this.commons.clock.now())
  }

  /** The span of the client that sent the request, when it sent a valid one. */
  caller (): TraceContext | undefined {
    const { traceparent, tracestate } = this.request.raw.headers
    if (typeof traceparent !== 'string') return undefined
    return parseTraceparent(traceparent, typeof tracestate === 'string' ? tracestate : undefined)
  }

  /** Of the caller's plan; of the plan `default` where it has none, none that is declared, or none can be told. */
  #ceiling (): Criticality | undefined {
    const { ceilings } = this.commons
    let plan: string | undefined
    try {
      plan = this.plan
    } catch {
      // How a request is judged under load must not be what fails it: a route that needs the plan hears of it.
    }
    return plan !== undefined && ceilings.has(plan) ? ceilings.get(plan) : ceilings.get('default')
  }

  #allowedMs (): number {
    const { batch } = this
    return batch === undefined ? this.#ownMs() : Math.min(this.#ownMs(), batch.deadline.remainingMs())
  }

  #ownMs (): number {
    const { deadlineMs, ownDeadline } = this.routePlan
    const { headers, socket } = this.request.raw
    const asked = readDeadlineHeaders(headers)
    // A malformed one is as good as none: whoever is trusted and wrong still gets an answer.
    if (asked === undefined || asked instanceof MalformedDeadline || !this.commons.edge.trusts(socket)) {
      return deadlineMs
    }
    const grantedMs = clampDeadline(asked, { maxMs: this.commons.maxDeadlineMs })
    return ownDeadline ? Math.min(deadlineMs, grantedMs) : grantedMs
  }

  #work (): WorkSignal {
    this.#signal ??= new WorkSignal(this)
    return this.#signal
  }
}
