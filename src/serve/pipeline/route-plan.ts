import type { RouteOptions } from 'fastify'
import { type Criticality, parseCriticality, parseDuration, SettingError } from '../../kernel/index.ts'
import type { HistogramFamily, HistogramSlot } from '../../telemetry/index.ts'

/** Finds a route's plan on its `config`. A symbol, so that no route setting can collide with it. */
export const planOf: unique symbol = Symbol('plimsoll.route-plan')

/** What a route needs at run time, worked out once at registration. */
export class RoutePlan {
  readonly criticality: Criticality
  /** Counted from the request's arrival, in milliseconds; infinite for none. */
  readonly deadlineMs: number
  /** The pattern, e.g. `/products/:id`; empty for requests that match no route. */
  readonly route: string
  readonly #durations: HistogramFamily
  readonly #slots = new Map<string, HistogramSlot>()
  #lastMethod = ''
  #lastStatus = 0
  #lastSlot: HistogramSlot | undefined

  constructor (durations: HistogramFamily, route: string, criticality: Criticality, deadlineMs: number) {
    this.#durations = durations
    this.route = route
    this.criticality = criticality
    this.deadlineMs = deadlineMs
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

/**
 * Reads and checks a route's settings.
 *
 * @throws SettingError naming the route and the setting, while the app is being built
 */
export function planRoute (route: RouteOptions, durations: HistogramFamily): RoutePlan {
  const { criticality = 'normal', deadline } = route.config ?? {}
  const name = `${String(route.method)} ${route.url} config`
  const deadlineMs = deadline === undefined ?
    Number.POSITIVE_INFINITY :
    parseDuration(deadline, `${name}.deadline`)
  if (deadlineMs === 0) throw new SettingError(`${name}.deadline`, 'above 0', deadline)
  return new RoutePlan(durations, route.url, parseCriticality(criticality, `${name}.criticality`), deadlineMs)
}
