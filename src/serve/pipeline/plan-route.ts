import type { RouteOptions } from 'fastify'
import { parseCriticality, parseDuration, SettingError } from '../../kernel/index.ts'
import type { Admission } from '../../protect/admission/index.ts'
import type { HistogramFamily } from '../../telemetry/index.ts'
import type { RouteSettings } from './options.ts'
import { RequestUnit } from './request-unit.ts'
import { planOf, RoutePlan } from './route-plan.ts'

/** What plans are made from. */
export interface PlanParts {
  readonly durations: HistogramFamily
  readonly admission: Admission | undefined
  /** For routes that name none, in milliseconds; infinite for none. */
  readonly defaultDeadlineMs: number
}

/**
 * Reads and checks the settings of a route that is being declared, and puts its plan on its `config`.
 *
 * @throws SettingError naming the route and the setting, while the app is being built
 */
export function compileRoute (route: RouteOptions, parts: PlanParts): void {
  // Fastify declares HEAD beside GET with the same config, and what it allows is the same too.
  const known = route.config?.[planOf]
  if (known !== undefined && route.method === 'HEAD') return
  const plan = planRoute(`${String(route.method)} ${route.url}`, route.url, route.config ?? {}, parts)
  route.config = { ...route.config, [planOf]: plan }
  route.handler = rememberingWork(route.handler)
}

/** The plan of all requests that match no route. */
export function planUnmatched (parts: PlanParts): RoutePlan {
  return planRoute('unmatched', '', {}, parts)
}

function planRoute (name: string, url: string, settings: RouteSettings, parts: PlanParts): RoutePlan {
  const { criticality: given = 'normal', stream = false, exempt = false } = settings
  const criticality = parseCriticality(given, `${name} config.criticality`)
  for (const [key, value] of Object.entries({ stream, exempt })) {
    if (typeof value !== 'boolean') throw new SettingError(`${name} config.${key}`, 'true or false', value)
  }
  return new RoutePlan(parts.durations, {
    route: url,
    criticality,
    ...deadlineOf(name, settings, parts.defaultDeadlineMs),
    admissionClass: parts.admission?.route({ name, criticality, stream, exempt }),
  })
}

function deadlineOf (
  name: string,
  { deadline, stream }: RouteSettings,
  defaultMs: number
): { readonly deadlineMs: number; readonly ownDeadline: boolean } {
  if (deadline === 'none') return { deadlineMs: Number.POSITIVE_INFINITY, ownDeadline: false }
  if (deadline === undefined) {
    return { deadlineMs: stream === true ? Number.POSITIVE_INFINITY : defaultMs, ownDeadline: false }
  }
  const deadlineMs = parseDuration(deadline, `${name} config.deadline`)
  if (deadlineMs === 0) throw new SettingError(`${name} config.deadline`, 'above 0, or "none"', deadline)
  return { deadlineMs, ownDeadline: true }
}

/** Keeps the promise of a handler at hand, for when nobody waits for it any more. */
function rememberingWork (handler: RouteOptions['handler']): RouteOptions['handler'] {
  return function remember (request, reply) {
    const result: unknown = handler.call(this, request, reply)
    if (isThenable(result) && request.context instanceof RequestUnit) request.context.work = result
    return result
  }
}

function isThenable (value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
