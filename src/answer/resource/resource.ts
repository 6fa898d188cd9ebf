import type { FastifyContextConfig, FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify'
import type { Pool } from 'pg'
import type { CursorKeys } from '../../data/page/index.ts'
import { SettingError } from '../../kernel/index.ts'
import { listSchema, oneSchema } from './api-schema.ts'
import { checkColumns } from './check-columns.ts'
import { columnOf, type Resource } from './definition.ts'
import { canonicalMask } from './field-mask.ts'
import { linkHeader } from './link-header.ts'
import { notFound, valueInvalid } from './problems.ts'
import { ResourceReader } from './reader.ts'
import { type RawQuery, readItemQuery, readListQuery } from './resource-query.ts'
import { etagOf, isKnown } from './revision.ts'

export interface ServeResourceOptions {
  /** Where the resource, and what is expanded in it, is read from. */
  readonly data: Pick<Pool, 'query'>
  readonly cursors: CursorKeys
  /** Whether the app compares the declaration with the database before it is ready. @default true */
  readonly check?: boolean
  /** Settings of the two routes, e.g. their cache policy, limits and deadline. */
  readonly config?: { readonly list?: FastifyContextConfig; readonly one?: FastifyContextConfig }
}

/**
 * A plugin with the routes `GET path` and `GET path/:id`: `app.register(resource(products, { data, cursors }))`.
 *
 * What a client asks that the declaration does not offer is a 400 that says what is offered; nothing a client sends
 * becomes text of a statement.
 *
 * @throws SettingError when the app starts, for relations and orders that lead nowhere, and for columns that the
 *   database knows otherwise
 */
export function resource (declared: Resource, options: ServeResourceOptions): FastifyPluginAsync {
  return async function resourceRoutes (app: FastifyInstance): Promise<void> {
    checkRelations(declared, [])
    const { path, key } = declared
    const reader = new ResourceReader(declared, options.data, options.cursors)
    if (options.check !== false) app.addHook('onReady', () => checkColumns(declared, options.data))

    app.get(path, {
      schema: listSchema(declared),
      validatorCompiler: readByUs,
      config: options.config?.list ?? {},
    }, async (request, reply) => {
      const query = request.query as RawQuery
      const page = await reader.list(request, readListQuery(declared, query))
      const link = linkHeader(query, page)
      if (link !== undefined) reply.header('link', link)
      return { items: page.items, next: page.next, previous: page.previous }
    })

    app.get(`${path}/:id`, {
      schema: oneSchema(declared),
      validatorCompiler: readByUs,
      config: options.config?.one ?? {},
    }, async (request, reply) => {
      const query = readItemQuery(declared, request.query as RawQuery)
      const text = idOf(request)
      const id = key.reader?.read(text)
      if (id === undefined) throw valueInvalid('id', key.reader?.rule ?? 'another', text)
      const found = await reader.one(request, id, query)
      if (found === undefined) throw notFound(declared.name, text)
      // What is expanded changes without the item's revision.
      if (found.revision !== undefined && query.expansions.length === 0) {
        const etag = etagOf(found.revision, canonicalMask(query.mask))
        reply.header('etag', etag)
        if (isKnown(request.headers['if-none-match'], etag)) return reply.code(304).send()
      }
      return found.item
    })
  }
}

/** The schemas describe; what they describe is read where the refusals can say more than Ajv. */
function readByUs (): () => boolean {
  return () => true
}

function idOf (request: FastifyRequest): string {
  return (request.params as { readonly id: string }).id
}

/** Relations name their targets lazily, so that what they name can only be checked once all are there. */
function checkRelations (declared: Resource, known: readonly Resource[]): void {
  if (known.includes(declared)) return
  for (const [name, relation] of declared.relations) {
    const target = relation.target()
    const holder = relation.kind === 'one' ? declared : target
    columnOf(holder.columns, relation.by, `expand.${name} of ${declared.name}`)
    if (relation.kind === 'many' && !target.orders.has(relation.sort ?? target.defaultOrder)) {
      const orders = [...target.orders.keys()].join(', ')
      throw new SettingError(`sort of expand.${name} of ${declared.name}`, `one of ${orders}`, relation.sort)
    }
    checkRelations(target, [...known, declared])
  }
}
