/** A JSON schema as a route holds it; only what the payload capability looks at. */
export interface JsonSchema {
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly patternProperties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: boolean | JsonSchema
  readonly items?: JsonSchema | readonly JsonSchema[]
  readonly required?: readonly string[]
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly allOf?: readonly JsonSchema[]
  readonly $ref?: string
  readonly [keyword: string]: unknown
}

/** A body or a response as a route's schema holds it: the schema itself, or one for each media type. */
export type SchemaSlot = JsonSchema | {
  readonly content: Readonly<Record<string, { readonly schema?: JsonSchema }>>
}

export function isSchema (value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The schema of the JSON body; `undefined` when there is none. */
export function jsonSchemaOf (slot: unknown): JsonSchema | undefined {
  if (!isSchema(slot)) return undefined
  if (!isSchema(slot['content'])) return slot
  const { schema } = slot['content']['application/json'] as { readonly schema?: unknown } ?? {}
  return isSchema(schema) ? schema : undefined
}

/** The same slot with another schema for its JSON body. */
export function withJsonSchema (slot: unknown, schema: JsonSchema): unknown {
  if (!isSchema(slot) || !isSchema(slot['content'])) return schema
  const { content } = slot
  const json = content['application/json']
  return { ...slot, content: { ...content, 'application/json': { ...isSchema(json) ? json : {}, schema } } }
}

/** The alternatives and parts that a schema is made of, beside its own keywords. */
export function branchesOf (
  { anyOf = [], oneOf = [], allOf = [], ...rest }: JsonSchema
): readonly JsonSchema[] {
  const conditional = [rest['if'], rest['then'], rest['else']].filter(isSchema)
  return [...anyOf, ...oneOf, ...allOf, ...conditional]
}

/**
 * What a `$ref` within the same schema leads to.
 *
 * @returns `undefined` when it leads elsewhere
 */
export function localTarget (root: JsonSchema, ref: string): JsonSchema | undefined {
  if (ref === '#') return root
  const path = ref.startsWith('#/') ? ref.slice(2).split('/') : undefined
  // TypeBox names the definitions of a cyclic schema without a pointer.
  const definitions = root['$defs']
  if (path === undefined) {
    const named = isSchema(definitions) ? definitions[ref] : undefined
    return isSchema(named) ? named : undefined
  }
  let found: unknown = root
  for (const step of path) {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~')
    found = isSchema(found) && Object.hasOwn(found, key) ? found[key] : undefined
  }
  return isSchema(found) ? found : undefined
}
