import { SettingError } from '../../../kernel/index.ts'
import { branchesOf, isSchema, type JsonSchema, localTarget } from '../json-schema.ts'

/** Makes a document with other names; it changes nothing in the one it is given. */
export type Renamer = (value: unknown) => unknown

/** One object schema, or several that a document may be of, as one table of names. */
interface Shape {
  readonly members: ReadonlyMap<string, Member>
  /** For members that have no name in the schema: their keys are data. */
  readonly others: Renamer | undefined
  readonly items: Renamer | undefined
}

interface Member {
  readonly name: string
  readonly rename: Renamer | undefined
}

/**
 * Compiles the renaming of a schema's documents, once: afterwards names are only looked up.
 *
 * @param schema whose names the documents have
 * @param newName the other name of each
 * @param setting names the route's setting in errors
 * @returns `undefined` when there is nothing to rename
 * @throws SettingError for a schema that refers to another document
 */
export function renamerOf (
  schema: JsonSchema,
  newName: (name: string) => string,
  setting: string
): Renamer | undefined {
  return compile([schema], { root: schema, newName, setting, known: new Map(), ids: new Map() })
}

interface Compilation {
  readonly root: JsonSchema
  readonly newName: (name: string) => string
  readonly setting: string
  /** By the schemas that a document may be of: what ends the compilation of a cyclic one. */
  readonly known: Map<string, { rename: Renamer | undefined }>
  readonly ids: Map<JsonSchema, number>
}

function idOf (schema: JsonSchema, { ids }: Compilation): number {
  const id = ids.get(schema) ?? ids.size
  ids.set(schema, id)
  return id
}

function compile (schemas: readonly JsonSchema[], compilation: Compilation): Renamer | undefined {
  const all = expand(schemas, compilation)
  const key = all.map((schema) => idOf(schema, compilation)).toSorted((a, b) => a - b).join()
  const known = compilation.known.get(key)
  // Under way: a cyclic schema, whose renamer is asked for when there is a document.
  if (known !== undefined) return (value) => known.rename === undefined ? value : known.rename(value)
  const entry: { rename: Renamer | undefined } = { rename: undefined }
  compilation.known.set(key, entry)
  const shape = shapeOf(all, compilation)
  entry.rename = shape === undefined ? undefined : renamer(shape)
  return entry.rename
}

/** The schemas themselves, what they refer to and their alternatives, as a flat list. */
function expand (schemas: readonly JsonSchema[], { root, setting }: Compilation): readonly JsonSchema[] {
  const found = new Set<JsonSchema>()
  const visit = (schema: JsonSchema): void => {
    if (found.has(schema)) return
    found.add(schema)
    const { $ref } = schema
    if ($ref !== undefined) {
      const target = localTarget(root, $ref)
      if (target === undefined) {
        throw new SettingError(setting, 'used with schemas that refer to nothing but their own parts', $ref)
      }
      visit(target)
    }
    for (const branch of branchesOf(schema)) visit(branch)
  }
  for (const schema of schemas) visit(schema)
  return [...found]
}

function shapeOf (schemas: readonly JsonSchema[], compilation: Compilation): Shape | undefined {
  const byName = new Map<string, JsonSchema[]>()
  const others: JsonSchema[] = []
  const items: JsonSchema[] = []
  for (const schema of schemas) {
    const { properties = {}, patternProperties = {}, additionalProperties } = schema
    for (const [name, member] of Object.entries(properties)) {
      byName.set(name, [...byName.get(name) ?? [], member])
    }
    others.push(
      ...Object.values(patternProperties),
      ...isSchema(additionalProperties) ? [additionalProperties] : []
    )
    const { items: item } = schema
    items.push(...(Array.isArray(item) ? item : [item]).filter(isSchema))
  }
  const members = new Map(
    [...byName].map(([name, schemas]) => [
      name,
      { name: compilation.newName(name), rename: compile(schemas, compilation) },
    ])
  )
  const shape = {
    members,
    others: others.length === 0 ? undefined : compile(others, compilation),
    items: items.length === 0 ? undefined : compile(items, compilation),
  }
  const changes = shape.others !== undefined || shape.items !== undefined ||
    [...members].some(([name, member]) => member.name !== name || member.rename !== undefined)
  return changes ? shape : undefined
}

function renamer ({ members, others, items }: Shape): Renamer {
  return function rename (given) {
    if (typeof given !== 'object' || given === null) return given
    if (Array.isArray(given)) return items === undefined ? given : given.map(items)
    // What writes itself says so in names of its own, as the serializer would ask it.
    const value: object = 'toJSON' in given && typeof given.toJSON === 'function' ? given.toJSON() : given
    if (typeof value !== 'object' || value === null) return value
    const renamed: Record<string, unknown> = {}
    for (const key of Object.keys(value)) {
      // Set by assignment, it would become the prototype.
      if (key === '__proto__') continue
      const member = members.get(key)
      const item = (value as Record<string, unknown>)[key]
      if (member !== undefined)
        renamed[member.name] = member.rename === undefined ?
          item :
          member.rename(item)
      else renamed[key] = others === undefined ? item : others(item)
    }
    return renamed
  }
}
