import type { FastifyRequest } from 'fastify'
import { planOf, type RoutePlan } from './route-plan.ts'

/** What Fastify keeps of a request's route, as far as it matters here. */
interface RouteContext {
  readonly config?: { readonly [planOf]?: RoutePlan }
}

/** Under which Fastify keeps it; looked up on the first request, `undefined` where it is not found. */
let contextKey: symbol | undefined

/**
 * The plan of the route that a request matches. `request.routeOptions` is made anew by each reading, a dozen fields of
 * which one is wanted, so this reads what that is made from; should Fastify keep it elsewhere one day, `routeOptions` it is.
 */
export function planOfRequest (request: FastifyRequest): RoutePlan | undefined {
  contextKey ??= Object.getOwnPropertySymbols(request).find(({ description }) =>
    description === 'fastify.context'
  )
  const context = contextKey === undefined ?
    undefined :
    (request as unknown as Readonly<Record<symbol, RouteContext | undefined>>)[contextKey]
  return (context ?? request.routeOptions).config?.[planOf]
}
