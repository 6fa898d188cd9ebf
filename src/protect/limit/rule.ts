import type { Duration } from '../../kernel/index.ts'
import type { CalendarUnit } from './calendar.ts'
import type { WhenStoreFails } from './limit.ts'
import type { CountedBy, LimitSubject } from './subject.ts'

/**
 * One rule: how much of what, counted by whom. Exactly one of `perSecond`, `perMinute`, `perHour`, `sliding`,
 * `quota` and `concurrent` says how much.
 *
 * @typeParam Request what the functions of the rule are given: the `request` of its subjects
 */
export interface LimitRule<Request = unknown> {
  /**
   * Shown in headers, problems and metrics: letters, digits and `_ . -`, at most 64.
   *
   * @default what it counts and by whom, e.g. `perSecond-client`
   */
  readonly name?: string
  /** Units a second over time, above 0; short of them, `burst` at once. */
  readonly perSecond?: number
  /** Units a minute over time. */
  readonly perMinute?: number
  /** Units an hour over time. */
  readonly perHour?: number
  /** Of a rate: units at once from rest, at least 1. @default the rate, rounded up */
  readonly burst?: number
  /** Requests in any stretch of the window, estimated from two counters; see sliding-window.ts for the error. */
  readonly sliding?: { readonly requests: number; readonly window: Duration }
  /** Requests a calendar day or month of a time zone. */
  readonly quota?: {
    readonly requests: number
    readonly per: CalendarUnit
    /** An IANA name. @default 'UTC' */
    readonly timeZone?: string
  }
  /** Requests in flight at once; each is freed when it ends. */
  readonly concurrent?: number
  /**
   * What has counters of its own. A function answers the key of a request; `undefined`, there or where a
   * subject has no tenant, key and so on, means that the rule does not apply to it. Keys are hashed, never
   * shown.
   *
   * @default 'client', in plans 'tenant'
   */
  readonly by?: CountedBy | ((request: Request, subject: LimitSubject) => string | undefined)
  /**
   * Units that a request takes: a whole number from 0. More than the limit can ever hold counts as all that it
   * holds; what is no such number counts as 1. @default 1
   */
  readonly cost?: number | ((request: Request, subject: LimitSubject) => number)
  /**
   * Whether each route counts for itself, or all routes with a rule of this name (and the same figures) count
   * together. @default 'route', in plans 'service'
   */
  readonly across?: 'route' | 'service'
  /** Decides, counts and reports, but refuses nobody: to try a rule on real traffic. @default false */
  readonly shadow?: boolean
  /**
   * While the shared store cannot be reached: `share` keeps this process's last share of the limit, `open`
   * admits, `closed` refuses with 503. @default 'share'
   */
  readonly whenStoreFails?: WhenStoreFails
}

/** Rules of a route: one or several, and `'plan'` for those of the subject's plan. */
export type RouteRules<Request = unknown> =
  | LimitRule<Request>
  | 'plan'
  | readonly (LimitRule<Request> | 'plan')[]
