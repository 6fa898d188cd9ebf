import type { FastifyRequest } from 'fastify'
import {
  type Clock,
  type Context,
  type Criticality,
  Deadline,
  newTrace,
  parseTraceparent,
  type Random,
  type TraceContext,
} from '../../kernel/index.ts'
import type { Span } from '../../telemetry/index.ts'
import type { RoutePlan } from './route-plan.ts'

/** What all requests of an app share, so that one context is one small object. */
export interface ContextSource {
  readonly clock: Clock
  readonly random: Random
  readonly tenantOf: ((request: FastifyRequest) => string | undefined) | undefined
}

/**
 * The context of one request. What most requests never ask for - the parsed trace, the tenant, the
 * deadline - is worked out when it is first asked for, and stays the same from then on.
 */
export class RequestContext implements Context {
  readonly plan: RoutePlan
  /** On the clock's `now()`, in milliseconds: when the request's headers had been read. */
  readonly startedMs: number
  /** Present when this request is being traced. */
  span: Span | undefined
  readonly #source: ContextSource
  readonly #request: FastifyRequest
  #trace: TraceContext | undefined
  #tenant: string | undefined | null = null
  #deadline: Deadline | undefined

  constructor (source: ContextSource, request: FastifyRequest, plan: RoutePlan) {
    this.#source = source
    this.#request = request
    this.plan = plan
    this.startedMs = source.clock.now()
    this.span = undefined
  }

  get id (): string {
    return this.#request.id
  }

  get criticality (): Criticality {
    return this.plan.criticality
  }

  /** The request's own span; without one, the caller's, or a new trace that nobody records. */
  get trace (): TraceContext {
    const trace = this.#trace ?? this.span?.trace ?? this.caller() ?? newTrace(false, this.#source.random)
    this.#trace = trace
    return trace
  }

  get tenant (): string | undefined {
    if (this.#tenant === null) this.#tenant = this.#source.tenantOf?.(this.#request)
    return this.#tenant
  }

  /** Counted from the request's arrival, however late it is asked for. */
  get deadline (): Deadline {
    if (this.#deadline === undefined) {
      const { clock } = this.#source
      const { deadlineMs } = this.plan
      const leftMs = deadlineMs - (clock.now() - this.startedMs)
      this.#deadline = deadlineMs === Number.POSITIVE_INFINITY ? Deadline.none : Deadline.in(leftMs, clock)
    }
    return this.#deadline
  }

  get signal (): AbortSignal {
    return this.deadline.signal
  }

  /** The span of the client that sent the request, when it sent a valid one. */
  caller (): TraceContext | undefined {
    const { traceparent, tracestate } = this.#request.raw.headers
    if (typeof traceparent !== 'string') return undefined
    return parseTraceparent(traceparent, typeof tracestate === 'string' ? tracestate : undefined)
  }
}
