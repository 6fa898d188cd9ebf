import type { JsonSchema } from './column.ts'
import type { Resource } from './definition.ts'

/**
 * An item as it can be answered: nothing is required, since `fields` can leave out anything and relations are there
 * when they are expanded. So one compiled serializer writes every choice of fields.
 */
export function itemSchema (resource: Resource): JsonSchema {
  return itemOf(resource, resource.limits.depth, [resource])
}

function itemOf (resource: Resource, depth: number, way: readonly Resource[]): JsonSchema {
  const own = resource.shown.map(({ name, schema }) => [name, schema] as const)
  const relations = depth === 0 ? [] : [...resource.relations].flatMap(([name, { kind, target }]) => {
    const inside = target()
    if (way.includes(inside)) return []
    const schema = itemOf(inside, depth - 1, [...way, inside])
    return [[name, kind === 'one' ? orNull(schema, name) : cutList(schema, name)] as const]
  })
  return { type: 'object', properties: Object.fromEntries([...own, ...relations]) }
}

function orNull (schema: JsonSchema, name: string): JsonSchema {
  return { ...schema, type: ['object', 'null'], description: `With expand=${name}; null when there is none.` }
}

function cutList (schema: JsonSchema, name: string): JsonSchema {
  return {
    type: 'object',
    description: `With expand=${name}.`,
    required: ['items', 'more'],
    properties: {
      items: { type: 'array', items: schema },
      more: { type: 'boolean', description: 'Whether there are more than are shown.' },
    },
  }
}

export function pageSchema (resource: Resource): JsonSchema {
  const cursor = { type: ['string', 'null'] }
  return {
    type: 'object',
    required: ['items', 'next', 'previous'],
    properties: {
      items: { type: 'array', items: itemSchema(resource) },
      next: {
        ...cursor,
        description: 'Pass as `cursor` for the page after this one; null when there is none.',
      },
      previous: {
        ...cursor,
        description: 'Pass as `cursor` for the page before this one; null on the first.',
      },
    },
  }
}
