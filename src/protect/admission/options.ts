import type { Clock, Random } from '../../kernel/index.ts'
import type { MetricsRegistry } from '../../telemetry/index.ts'
import type { Turn } from './turn.ts'

export interface AdmissionOptions {
  readonly registry: MetricsRegistry
  /** @default the system's */
  readonly clock?: Clock
  /** Spreads `Retry-After`. @default the system's */
  readonly random?: Random
  /** @default the process's own event loop */
  readonly turn?: Turn
}

/** What admission knows of a route before it has measured it, from a load line say. */
export interface FirstGuess {
  /** CPU time of one request, in milliseconds. @default 1, until the first one has been measured */
  readonly cpuMs?: number
  /** Requests in flight at once that what stands behind the route can carry; the first route's counts. @default 20 */
  readonly inFlight?: number
}

export interface AdmissionRoute {
  /** The pattern, e.g. `GET /products/:id`: a label of the metrics. */
  readonly name: string
  /** It lives long (SSE, a socket): counted apart, it takes no room in flight. @default false */
  readonly stream?: boolean
  /** Always run at once, e.g. health. @default false */
  readonly exempt?: boolean
  /**
   * Names what the route waits for, a database say: routes with one name share what may be in flight, and their
   * lanes hold across them. Name a second one for what fails by itself. @default 'shared'
   */
  readonly behind?: string
  readonly firstGuess?: FirstGuess
}
