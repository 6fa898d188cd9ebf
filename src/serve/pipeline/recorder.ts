import type { FastifyRequest } from 'fastify'
import { childTrace, newTrace, type Random, type TraceContext } from '../../kernel/index.ts'
import type {
  AccessLog,
  CounterSlot,
  HistogramFamily,
  MetricsRegistry,
  Span,
  Tracer,
} from '../../telemetry/index.ts'
import type { RequestUnit } from './request-unit.ts'
import type { RoutePlan } from './route-plan.ts'

/** Recorded for a client that closed its connection before the answer was out, as nginx does. */
export const clientClosedRequest = 499

/** Why nobody waits any more. */
export type LeaveReason = 'caller_gone' | 'deadline'

interface OverrunSlots {
  readonly seconds: CounterSlot
  readonly pieces: CounterSlot
}

/**
 * The one place where requests are recorded: metrics, trace and access log, once each, when the response
 * is out or the client has gone.
 */
export class Recorder {
  readonly durations: HistogramFamily
  readonly #accessLog: AccessLog | undefined
  readonly #random: Random
  readonly #overrun: Readonly<Record<LeaveReason, OverrunSlots>>
  #active = 0

  constructor (
    { registry, accessLog, random }: {
      readonly registry: MetricsRegistry
      readonly accessLog: AccessLog | undefined
      readonly random: Random
    }
  ) {
    this.#random = random
    this.#accessLog = accessLog
    this.durations = registry.histogram({
      name: 'http_server_request_duration_seconds',
      help: "Time from reading a request's headers to the end of its response.",
      labels: ['http_request_method', 'http_route', 'http_response_status_code'],
    })
    const active = registry.gauge({
      name: 'http_server_active_requests',
      help: 'Requests that have arrived and are not yet answered.',
      merge: 'sum',
    }).slot({})
    const work = ['work', 'reason'] as const
    const seconds = registry.counter({
      name: 'work_after_caller_left_seconds_total',
      help: 'Time that work went on after its caller had left or its deadline had passed.',
      labels: work,
    })
    const pieces = registry.counter({
      name: 'work_after_caller_left_total',
      help: 'Pieces of work that went on after their caller had left or their deadline had passed.',
      labels: work,
    })
    const slotsOf = (reason: LeaveReason): OverrunSlots => ({
      seconds: seconds.slot({ work: 'handler', reason }),
      pieces: pieces.slot({ work: 'handler', reason }),
    })
    this.#overrun = { caller_gone: slotsOf('caller_gone'), deadline: slotsOf('deadline') }
    registry.onCollect(() => active.set(this.#active))
  }

  /** Requests that have arrived and are not yet answered, in this process. */
  get active (): number {
    return this.#active
  }

  /** A handler went on for `ms` milliseconds with nobody waiting for it. */
  overrun (reason: LeaveReason, ms: number): void {
    if (ms <= 0) return
    this.#overrun[reason].seconds.add(ms / 1_000)
    this.#overrun[reason].pieces.add()
  }

  begin (): void {
    this.#active++
  }

  startSpan (
    tracer: Tracer,
    request: FastifyRequest,
    plan: RoutePlan,
    caller: TraceContext | undefined
  ): Span {
    const { method, url } = request
    const span = tracer.start({
      name: plan.route === '' ? method : `${method} ${plan.route}`,
      kind: 'server',
      trace: caller === undefined ? newTrace(true, this.#random) : childTrace(caller, this.#random),
      ...(caller === undefined ? {} : { parentSpanId: caller.spanId }),
      attributes: { 'http.request.method': method, 'url.path': url.split('?', 1)[0] ?? url },
    })
    if (plan.route !== '') span.set('http.route', plan.route)
    return span
  }

  /**
   * @param nowMs on the pipeline's clock
   * @returns the status as recorded: that of the answer, or 499 for a client that did not get it
   */
  end (unit: RequestUnit, nowMs: number): number {
    const { request, span, routePlan } = unit
    const { method } = request
    const { raw } = unit.reply
    // Handed over in full, to a connection that was still there to take it.
    const answered = raw.writableFinished || (raw.writableEnded && !request.raw.socket.destroyed)
    const status = answered ? raw.statusCode : clientClosedRequest
    if (unit.inBackground) return status
    this.#active--
    const durationMs = nowMs - unit.startedMs
    routePlan.slot(method, status).record(durationMs / 1_000, span?.trace)
    if (span !== undefined) {
      span.set('http.response.status_code', status)
      span.end()
    }
    // A line for each refusal would cost more than the refusal, when there is least to spare; they are counted.
    const { route, stream: livesLong } = routePlan
    if (!unit.refused && this.#accessLog?.wants(status, durationMs, livesLong) === true) {
      this.#accessLog.write({
        method,
        route,
        path: request.url,
        status,
        durationMs,
        livesLong,
        requestId: unit.id,
        traceId: unit.trace.traceId,
        remoteAddress: request.ip,
      })
    }
    return status
  }
}
