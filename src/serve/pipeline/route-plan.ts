import type { RouteShape } from '../../answer/payload/index.ts'
import type { Criticality } from '../../kernel/index.ts'
import type { AdmissionClass } from '../../protect/admission/index.ts'
import type { LimitDescription, RouteLimit } from '../../protect/limit/index.ts'
import type { HistogramFamily, HistogramSlot } from '../../telemetry/index.ts'
import type { KeptRoute } from './app-cache.ts'

/** Finds a route's plan on its `config`. A symbol, so that no route setting can collide with it. */
export const planOf: unique symbol = Symbol('plimsoll.route-plan')

export interface RoutePlanParts {
  /** The pattern, e.g. `/products/:id`; empty for requests that match no route. */
  readonly route: string
  readonly criticality: Criticality
  /** Counted from the request's arrival, in milliseconds; infinite for none. */
  readonly deadlineMs: number
  /** The route names a deadline, so that no caller can have a later one. */
  readonly ownDeadline: boolean
  /** Its answers live long. */
  readonly stream: boolean
  /** `undefined` where admission is off. */
  readonly admissionClass: AdmissionClass | undefined
  /** `undefined` where nothing is limited. */
  readonly limit: RouteLimit | undefined
  /** `undefined` where answers are not kept. */
  readonly cache: KeptRoute | undefined
  /** `undefined` where an answer has one look. */
  readonly shape: RouteShape | undefined
  /** Whether signatures are checked, and whether there must be one. */
  readonly verify: 'required' | 'optional' | undefined
}

/** What a route needs at run time, worked out once at registration. */
export class RoutePlan {
  readonly criticality: Criticality
  readonly deadlineMs: number
  readonly ownDeadline: boolean
  readonly route: string
  readonly stream: boolean
  readonly admissionClass: AdmissionClass | undefined
  readonly limit: RouteLimit | undefined
  readonly cache: KeptRoute | undefined
  readonly shape: RouteShape | undefined
  readonly verify: 'required' | 'optional' | undefined
  readonly #durations: HistogramFamily
  readonly #slots = new Map<string, HistogramSlot>()
  #lastMethod = ''
  #lastStatus = 0
  #lastSlot: HistogramSlot | undefined

  constructor (durations: HistogramFamily, parts: RoutePlanParts) {
    this.#durations = durations
    this.route = parts.route
    this.criticality = parts.criticality
    this.deadlineMs = parts.deadlineMs
    this.ownDeadline = parts.ownDeadline
    this.stream = parts.stream
    this.admissionClass = parts.admissionClass
    this.limit = parts.limit
    this.cache = parts.cache
    this.shape = parts.shape
    this.verify = parts.verify
  }

  /** The route's own histogram for a method and status; resolved on first sight, then remembered. */
  slot (method: string, status: number): HistogramSlot {
    // A route answers with one status nearly always, so the last answer is nearly always this one.
    if (status === this.#lastStatus && method === this.#lastMethod && this.#lastSlot !== undefined) {
      return this.#lastSlot
    }
    const key = `${method} ${status}`
    let slot = this.#slots.get(key)
    if (slot === undefined) {
      slot = this.#durations.slot({
        http_request_method: method,
        http_route: this.route,
        http_response_status_code: String(status),
      })
      this.#slots.set(key, slot)
    }
    this.#lastMethod = method
    this.#lastStatus = status
    this.#lastSlot = slot
    return slot
  }
}

/** What a declared route's limits say for the API description; `undefined` where nothing is limited. */
export function limitsOf (route: { readonly config?: object }): LimitDescription | undefined {
  const { [planOf]: plan } = (route.config ?? {}) as { readonly [planOf]?: RoutePlan }
  return plan?.limit?.describe()
}
