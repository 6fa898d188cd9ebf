import type { FastifyInstance, RouteOptions } from 'fastify'
import type { Service } from '../../serve/service/index.ts'

/** A GET route of a service, and a request for it where one can be made up. */
export interface ExampleRequest {
  /** As the route is declared, e.g. `/products/:id`. */
  readonly route: string
  /** `undefined` where the route's schema does not say enough. */
  readonly url: string | undefined
}

/** @returns the service, which notes its GET routes in `found` while it declares them */
export function withRoutesNoted (service: Service, found: ExampleRequest[]): Service {
  const { routes, plugin } = service
  const note = (route: RouteOptions): void => {
    if ([route.method].flat().includes('GET')) found.push({ route: route.url, url: exampleUrl(route) })
  }
  if (routes !== undefined) {
    return {
      ...service,
      async routes (app) {
        app.addHook('onRoute', note)
        await routes(app)
      },
    }
  }
  return {
    ...service,
    plugin: async (app: FastifyInstance) => {
      app.addHook('onRoute', note)
      if (plugin !== undefined) await app.register(plugin)
    },
  }
}

interface ValueSchema {
  readonly type?: unknown
  readonly format?: unknown
  readonly minimum?: unknown
  readonly default?: unknown
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly examples?: readonly unknown[]
}

interface ObjectSchema {
  readonly properties?: Readonly<Record<string, ValueSchema>>
  readonly required?: readonly string[]
}

/** A URL for a route: parameters and what its query requires, from their schemas. */
export function exampleUrl ({ url, schema }: Pick<RouteOptions, 'url' | 'schema'>): string | undefined {
  if (url.includes('*')) return undefined
  const { properties: params = {} } = (schema?.params ?? {}) as ObjectSchema
  const names = [...url.matchAll(/:(\w+)(?:\([^)]*\))?\??/g)]
  const values = names.map(([, name = '']) => exampleOf(params[name]))
  if (values.includes(undefined)) return undefined
  let at = 0
  const path = url.replaceAll(/:(\w+)(?:\([^)]*\))?\??/g, () => encodeURIComponent(String(values[at++])))
  const { properties = {}, required = [] } = (schema?.querystring ?? {}) as ObjectSchema
  const query = new URLSearchParams()
  for (const name of required) {
    if (properties[name]?.default !== undefined) continue
    const value = exampleOf(properties[name])
    if (value === undefined) return undefined
    query.set(name, String(value))
  }
  return query.size === 0 ? path : `${path}?${query}`
}

function exampleOf (schema: ValueSchema | undefined): unknown {
  if (schema === undefined) return undefined
  const given = schema.examples?.[0] ?? schema.default ?? schema.const ?? schema.enum?.[0]
  if (given !== undefined) return given
  if (schema.type === 'integer' || schema.type === 'number') return Math.max(1, Number(schema.minimum ?? 1))
  return schema.format === 'uuid' ? '00000000-0000-4000-8000-000000000000' : undefined
}
