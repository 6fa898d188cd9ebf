import type { FastifyInstance } from 'fastify'
import { problemMediaType } from '../../kernel/index.ts'
import type { LimitDescription } from '../../protect/limit/index.ts'
import { limitsOf } from '../pipeline/index.ts'
import type { Service } from './service.ts'

/** Where the API document is served. */
export const apiDocumentPath = '/openapi.json'
/** Where people can browse it. */
export const apiPagePath = '/docs'

/**
 * Serves the OpenAPI 3.1 document made from the routes' schemas, and a page to browse it. Register it
 * before the routes, which it watches being declared.
 */
export async function serveApiDocument (app: FastifyInstance, { name, version }: Service): Promise<void> {
  // Loaded only where it is served: together they take longer to load than Fastify.
  const { default: swagger } = await import('@fastify/swagger')
  const { default: swaggerUi } = await import('@fastify/swagger-ui')
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: name, version },
    },
    transform ({ schema, url, route }) {
      const limits = limitsOf(route)
      return { url, schema: limits === undefined ? schema : withLimits(schema ?? {}, limits) }
    },
    transformObject (document) {
      if (!('openapiObject' in document)) return document.swaggerObject
      return withProblems(document.openapiObject)
    },
  })
  app.get(apiDocumentPath, { schema: { hide: true } as object }, () => app.swagger())
  await app.register(swaggerUi, { routePrefix: apiPagePath })
}

interface RouteSchema {
  readonly description?: string
  readonly response?: unknown
}

/** Says what an operation allows, and what exceeding it is answered with. */
function withLimits<Schema extends RouteSchema> (
  schema: Schema,
  { text, extension, responses }: LimitDescription
): Schema {
  return {
    ...schema,
    ...extension,
    description: schema.description === undefined ? text : `${schema.description}\n\n${text}`,
    response: { ...schema.response as object | undefined, ...responses },
  }
}

interface ApiDocument {
  readonly paths?: object
  readonly components?: { readonly responses?: object }
}

/** Every operation can fail in the same way, so none has to say it: each gets a `default` response. */
function withProblems<Document extends ApiDocument> (document: Document): Document {
  for (const path of Object.values(document.paths ?? {}) as Record<string, { responses?: object }>[]) {
    for (const operation of Object.values(path)) {
      operation.responses = { ...operation.responses, default: { $ref: '#/components/responses/Problem' } }
    }
  }
  const { components } = document
  return {
    ...document,
    components: { ...components, responses: { ...components?.responses, Problem: problemResponse } },
  }
}

/** @see https://www.rfc-editor.org/rfc/rfc9457#section-3 */
const problemResponse = {
  description: 'The request failed; the document says why.',
  content: {
    [problemMediaType]: {
      schema: {
        type: 'object',
        required: ['type', 'title', 'status', 'code'],
        properties: {
          type: { type: 'string', format: 'uri' },
          title: { type: 'string' },
          status: { type: 'integer' },
          code: { type: 'string', description: 'Stable over releases: match on this.' },
          detail: { type: 'string' },
          instance: { type: 'string', format: 'uri' },
          request_id: { type: 'string' },
          trace_id: { type: 'string' },
        },
      },
    },
  },
}
