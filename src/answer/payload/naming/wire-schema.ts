import { SettingError } from '../../../kernel/index.ts'
import { isSchema, type JsonSchema } from '../json-schema.ts'

/** The names of a route, both ways. Collected from all of its schemas, so that one name has one other. */
export class WireNames {
  readonly #toWire: (name: string) => string
  readonly #setting: string
  readonly #handlerNames = new Map<string, string>()

  /** @param setting names the route's setting in errors */
  constructor (toWire: (name: string) => string, setting: string) {
    this.#toWire = toWire
    this.#setting = setting
  }

  /** @throws SettingError when two names would be one on the wire */
  wireName (name: string): string {
    const wire = this.#toWire(name)
    const known = this.#handlerNames.get(wire)
    if (known !== undefined && known !== name) {
      throw new SettingError(
        this.#setting,
        `used with names that differ on the wire, and ${known} and ${name} would both be ${wire}`,
        name
      )
    }
    this.#handlerNames.set(wire, name)
    return wire
  }

  /** The handler's name; a name that no schema has stays as it is. */
  readonly handlerName = (wire: string): string => this.#handlerNames.get(wire) ?? wire
}

const inLists = ['anyOf', 'oneOf', 'allOf'] as const
const inMaps = ['definitions', '$defs', 'patternProperties', 'dependentSchemas'] as const
const inPlaces = ['items', 'additionalProperties', 'not', 'if', 'then', 'else', 'contains'] as const

/**
 * The same schema in the names of the wire: of properties and of what is required. Keys of maps
 * (`additionalProperties`, `patternProperties`) are data and stay; so do values and examples.
 */
export function wireSchema (schema: JsonSchema, names: WireNames): JsonSchema {
  // A prototype or hidden members (as TypeBox's kinds) would contradict the new names: plain data only.
  const wire: Record<string, unknown> = { ...schema }
  const below = (value: unknown): unknown =>
    Array.isArray(value) ? value.map(below) : isSchema(value) ? wireSchema(value, names) : value
  if (schema.properties !== undefined) {
    wire['properties'] = Object.fromEntries(
      Object.entries(schema.properties).map(([name, member]) => [names.wireName(name), below(member)])
    )
  }
  if (schema.required !== undefined) wire['required'] = schema.required.map((name) => names.wireName(name))
  for (const keyword of inLists) if (schema[keyword] !== undefined) wire[keyword] = below(schema[keyword])
  for (const keyword of inPlaces) if (schema[keyword] !== undefined) wire[keyword] = below(schema[keyword])
  for (const keyword of inMaps) {
    const map = schema[keyword]
    if (!isSchema(map)) continue
    wire[keyword] = Object.fromEntries(Object.entries(map).map(([key, member]) => [key, below(member)]))
  }
  return wire
}
