import type { FastifySchema } from 'fastify'
import type { Column, JsonSchema } from './column.ts'
import type { FilterOperator, Resource } from './definition.ts'
import { parameterOf } from './filter.ts'
import { itemSchema, pageSchema } from './representation.ts'

/** The list's route as the API document shows it. Its parameters are read by this folder, not by Ajv. */
export function listSchema (resource: Resource): FastifySchema {
  const { name, page, orders, defaultOrder, filters, columns } = resource
  const filterProperties = [...filters].flatMap(([property, operators]) =>
    operators.map((
      operator
    ) => [parameterOf(property, operator), filterSchema(columns.get(property), operator)])
  )
  return {
    summary: `List of ${name}, a page at a time`,
    tags: [name],
    querystring: {
      type: 'object',
      additionalProperties: false,
      properties: {
        limit: {
          type: 'integer',
          minimum: 1,
          maximum: page.max,
          default: page.default,
          description: 'Items of a page.',
        },
        cursor: {
          type: 'string',
          description: '`next` or `previous` of another page, with the same filters and sort.',
        },
        sort: { type: 'string', enum: [...orders.keys()], default: defaultOrder },
        ...shapeProperties(resource),
        ...Object.fromEntries(filterProperties),
      },
    },
    response: { 200: withLink(pageSchema(resource)) },
  }
}

/** The item's route as the API document shows it. */
export function oneSchema (resource: Resource): FastifySchema {
  const { name, key } = resource
  return {
    summary: `One ${name}`,
    tags: [name],
    params: { type: 'object', required: ['id'], properties: { id: key.schema ?? { type: 'string' } } },
    querystring: { type: 'object', additionalProperties: false, properties: shapeProperties(resource) },
    response: { 200: { ...itemSchema(resource), description: `The ${name}.` } },
  }
}

function shapeProperties (resource: Resource): Readonly<Record<string, JsonSchema>> {
  const names = resource.shown.map(({ name }) => name).join(', ')
  const relations = [...resource.relations.keys()]
  const fields = {
    type: 'string',
    description: `What to answer of each item, with commas between; all when it is left out. Of: ${names}` +
      (relations.length === 0 ? '.' : ', and fields of expanded relations, as in `relation.field`.'),
  }
  if (relations.length === 0) return { fields }
  const { depth, cost } = resource.limits
  const expand = {
    type: 'string',
    description:
      `Relations to read along, with commas between: ${relations.join(', ')}, and theirs, with dots, ` +
      `at most ${depth} deep and ${cost} rows.`,
  }
  return { fields, expand }
}

function filterSchema (column: Column | undefined, operator: FilterOperator): JsonSchema {
  const { description, ...value } = { ...column?.schema, type: valueType(column) } as JsonSchema
  const about = description === undefined ? {} : { description }
  if (operator === 'null') return { type: 'boolean', ...about }
  if (operator === 'in')
    return { type: 'string', description: `Values with commas between them. ${description ?? ''}`.trim() }
  return { ...value, ...about }
}

/** A filter is compared with values; that there are none is asked for by `[null]`. */
function valueType (column: Column | undefined): string {
  const { type = 'string' } = column?.schema ?? {}
  return typeof type === 'string' ? type : type.find((each) => each !== 'null') ?? 'string'
}

function withLink (schema: JsonSchema): JsonSchema {
  return {
    ...schema,
    description: 'A page, and the cursors of its neighbours.',
    headers: {
      link: { type: 'string', description: 'The neighbours with `rel="next"` and `rel="prev"` (RFC 8288).' },
    },
  }
}
