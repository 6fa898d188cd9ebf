import { branchesOf, isSchema, type JsonSchema, localTarget } from '../json-schema.ts'
import type { FieldTree } from './field-tree.ts'

/** A field that was asked for and is not there. */
export interface MissingField {
  readonly path: string
  /** What there is beside it. */
  readonly known: readonly string[]
}

/** Names that a schema has where a tree asks for them, or else the first that it has not. */
export function missingField (root: JsonSchema, tree: FieldTree): MissingField | undefined {
  return missingIn(root, [root], tree, '')
}

function missingIn (
  root: JsonSchema,
  schemas: readonly JsonSchema[],
  tree: FieldTree,
  prefix: string
): MissingField | undefined {
  const members = membersOf(root, schemas)
  for (const [name, below] of tree) {
    const found = members.get(name)
    if (found === undefined) return { path: `${prefix}${name}`, known: [...members.keys()] }
    const missing = below === 'all' ? undefined : missingIn(root, found, below, `${prefix}${name}.`)
    if (missing !== undefined) return missing
  }
  return undefined
}

/** The named members of a document of any of these schemas, looking through arrays and alternatives. */
function membersOf (root: JsonSchema, schemas: readonly JsonSchema[]): ReadonlyMap<string, JsonSchema[]> {
  const members = new Map<string, JsonSchema[]>()
  const seen = new Set<JsonSchema>()
  const visit = (schema: JsonSchema): void => {
    if (seen.has(schema)) return
    seen.add(schema)
    const { $ref, items, properties = {} } = schema
    const target = $ref === undefined ? undefined : localTarget(root, $ref)
    if (target !== undefined) visit(target)
    for (const item of Array.isArray(items) ? items : [items]) if (isSchema(item)) visit(item)
    for (const branch of branchesOf(schema)) visit(branch)
    for (const [name, member] of Object.entries(properties)) {
      members.set(name, [...members.get(name) ?? [], member])
    }
  }
  for (const schema of schemas) visit(schema)
  return members
}

/**
 * The schema of what a tree leaves, for a serializer of its own.
 *
 * @returns `undefined` where a tree reaches into alternatives or references, which such a serializer could not
 *   tell apart any more
 */
export function maskedSchema (schema: JsonSchema, tree: FieldTree): JsonSchema | undefined {
  if (schema.$ref !== undefined || branchesOf(schema).length > 0) return undefined
  const { required: _required, additionalProperties: _other, patternProperties: _more, ...rest } = schema
  const { items, properties } = schema
  if (Array.isArray(items)) return undefined
  if (isSchema(items)) {
    const below = maskedSchema(items, tree)
    return below === undefined ? undefined : { ...rest, items: below }
  }
  if (properties === undefined) return undefined
  const kept: [string, JsonSchema][] = []
  for (const [name, member] of Object.entries(properties)) {
    const below = tree.get(name)
    if (below === undefined) continue
    const masked = below === 'all' ? member : maskedSchema(member, below)
    if (masked === undefined) return undefined
    kept.push([name, masked])
  }
  return { ...rest, properties: Object.fromEntries(kept) }
}

/**
 * The schema of a document whose handler may leave out what nobody asked for: nothing is required, but where the
 * requirement tells alternatives apart.
 */
export function lenientSchema (schema: JsonSchema): JsonSchema {
  if (schema.$ref !== undefined || branchesOf(schema).length > 0) return schema
  const { required: _required, ...rest } = schema
  const { items, properties } = rest
  return {
    ...rest,
    ...isSchema(items) ? { items: lenientSchema(items) } : {},
    ...properties === undefined ? {} : {
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, member]) => [name, lenientSchema(member)])
      ),
    },
  }
}
