import type { FastifyRequest } from 'fastify'
import type { Pool } from 'pg'
import {
  type CursorKeys,
  type Keyset,
  keyset,
  type Page,
  rawSql,
  sql,
  type SqlFragment,
} from '../../data/page/index.ts'
import { currentContext } from '../../kernel/index.ts'
import type { Resource } from './definition.ts'
import { allOf, canonicalFilters, filterSql } from './filter.ts'
import { preload, type ReadRows } from './preload.ts'
import type { ItemQuery, ListQuery } from './resource-query.ts'
import { type Item, itemOf, type Row, selectionOf, selectText } from './selection.ts'
import { comparedType } from './value-text.ts'

/** Reads items of a resource, with what is expanded in them. */
export class ResourceReader {
  readonly #resource: Resource
  readonly #readRows: ReadRows
  readonly #lists: ReadonlyMap<string, Keyset>

  /** @throws SettingError for orders and page sizes that cannot be */
  constructor (resource: Resource, data: Pick<Pool, 'query'>, cursors: CursorKeys) {
    const { name, version, key, page } = resource
    this.#resource = resource
    this.#readRows = async (statement) => {
      const { rows } = await data.query<unknown[]>({
        text: statement.text(),
        values: [...statement.values],
        rowMode: 'array',
      })
      return rows
    }
    this.#lists = new Map([...resource.orders].map(([order, columns]) => [
      order,
      keyset({
        list: name,
        version,
        columns,
        key: { column: key.sql, type: key.type },
        cursors,
        defaultLimit: page.default,
        maxLimit: page.max,
      }),
    ]))
  }

  /** @throws Problem CURSOR_INVALID */
  async list (request: FastifyRequest, query: ListQuery): Promise<Page<Item>> {
    const { limit, cursor, sort, filters, expansions, mask } = query
    const list = this.#lists.get(sort)!
    const selection = selectionOf(this.#resource, expansions, mask)
    const conditions = [...filters.map(filterSql), ...this.#scope(request)]
    const filter = canonicalFilters(filters)
    const asked = { limit, cursor, filter, tenant: currentContext()?.tenant }
    const page = await list.page<Row>(
      asked,
      ({ where, orderBy, limit, key }) =>
        this.#readRows(
          sql`select ${rawSql(`${selectText(selection)}, ${key}`)} from ${
            rawSql(this.#resource.from)
          } where ${allOf([...conditions, where])} order by ${rawSql(`${orderBy} limit ${limit}`)}`
        )
    )
    const items = page.items.map((row) => itemOf(selection, row))
    await preload(this.#readRows, request, selection, page.items, items)
    return { ...page, items }
  }

  /**
   * @param key checked by the key's reader
   * @returns undefined when there is none that the request may see
   */
  async one (
    request: FastifyRequest,
    key: string,
    { expansions, mask }: ItemQuery
  ): Promise<FoundItem | undefined> {
    const { from, key: { sql: name, type }, revision } = this.#resource
    const selection = selectionOf(this.#resource, expansions, mask)
    const isIt = sql`${rawSql(name)} = ${key}::${rawSql(comparedType(type))}`
    const columns = revision === undefined ?
      selectText(selection) :
      `${selectText(selection)}, (${revision})::text`
    const [row] = await this.#readRows(
      sql`select ${rawSql(columns)} from ${rawSql(from)} where ${allOf([isIt, ...this.#scope(request)])}`
    )
    if (row === undefined) return undefined
    const item = itemOf(selection, row)
    await preload(this.#readRows, request, selection, [row], [item])
    return { item, revision: revision === undefined ? undefined : String(row[selection.columns.length]) }
  }

  #scope (request: FastifyRequest): readonly SqlFragment[] {
    const scope = this.#resource.scope(request)
    return scope === undefined ? [] : [scope]
  }
}

export interface FoundItem {
  readonly item: Item
  /** Undefined when the resource has none. */
  readonly revision: string | undefined
}
