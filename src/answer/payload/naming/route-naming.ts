import type { RouteOptions } from 'fastify'
import { SettingError } from '../../../kernel/index.ts'
import { isSchema, type JsonSchema, jsonSchemaOf, withJsonSchema } from '../json-schema.ts'
import { type Renamer, renamerOf } from './renamer.ts'
import { WireNames, wireSchema } from './wire-schema.ts'
import { wireNameOf, type WireNaming } from './word-case.ts'

/** The renaming of one route, both ways; members are left out where nothing is renamed. */
export interface RouteNaming {
  /** The route's schemas in the names of the wire: for validating, for writing and for the API description. */
  readonly schema: NonNullable<RouteOptions['schema']>
  readonly body: Renamer | undefined
  readonly query: Renamer | undefined
  /** By status, as the response schema has it: `200`, `2xx`, `default`. */
  readonly responses: ReadonlyMap<string, Renamer>
  /** From a name on the wire to the handler's. */
  readonly handlerName: (wireName: string) => string
}

/**
 * Compiles the names of a route from its schemas, which are in the handler's names.
 *
 * @param setting names the route's setting in errors
 * @throws SettingError
 */
export function compileNaming (
  schema: NonNullable<RouteOptions['schema']>,
  naming: WireNaming,
  setting: string
): RouteNaming {
  const toWire = wireNameOf[naming]
  if (toWire === undefined) throw new SettingError(setting, "'snake_case' or 'camelCase'", naming)
  const names = new WireNames(toWire, setting)
  const wireName = (name: string): string => names.wireName(name)
  const wire: Record<string, unknown> = { ...schema }
  const incoming = (place: 'body' | 'querystring'): Renamer | undefined => {
    const own = jsonSchemaOf(schema[place])
    if (own === undefined) return undefined
    const translated = wireSchema(own, names)
    wire[place] = withJsonSchema(schema[place], translated)
    return renamerOf(translated, names.handlerName, setting)
  }
  const body = incoming('body')
  const query = incoming('querystring')
  const responses = new Map<string, Renamer>()
  if (isSchema(schema.response)) {
    wire['response'] = Object.fromEntries(
      Object.entries(schema.response).map(([status, slot]) => {
        const own: JsonSchema | undefined = jsonSchemaOf(slot)
        if (own === undefined) return [status, slot]
        const rename = renamerOf(own, wireName, setting)
        if (rename !== undefined) responses.set(status.toLowerCase(), rename)
        return [status, withJsonSchema(slot, wireSchema(own, names))]
      })
    )
  }
  return { schema: wire, body, query, responses, handlerName: names.handlerName }
}

/** The entry of a response schema's table that an answer with this status is of, as Fastify finds it. */
export function byStatus<Value> (table: ReadonlyMap<string, Value>, status: number): Value | undefined {
  const text = String(status)
  return table.get(text) ?? table.get(`${text[0]}xx`) ?? table.get('default')
}
