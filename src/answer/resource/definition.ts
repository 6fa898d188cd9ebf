import type { FastifyRequest } from 'fastify'
import type { Static, TObject, TSchema } from 'typebox'
import type { SqlFragment } from '../../data/page/index.ts'
import { SettingError } from '../../kernel/index.ts'
import { type Column, type ColumnSource, resolveColumn } from './column.ts'
import { type ListOrder, resolveSorts } from './sorts.ts'

/** `eq` is written `name=value`, the others `name[operator]=value`; `null` takes `true` or `false`. */
export type FilterOperator = 'eq' | 'ne' | 'in' | 'gt' | 'gte' | 'lt' | 'lte' | 'null'

export const filterOperators: readonly FilterOperator[] = ['eq', 'ne', 'in', 'gt', 'gte', 'lt', 'lte', 'null']

/** What is declared of a resource, once. */
export interface ResourceOptions<Shape extends TObject = TObject> {
  /** Singular; names it in messages, cursors and the API document, e.g. `product`. */
  readonly name: string
  /** Where its list is; an item is one segment below. E.g. `/products`. */
  readonly path: string
  /** An item as clients see it. */
  readonly schema: Shape
  /** What follows FROM, e.g. `product join category on category.id = product.category_id`. */
  readonly from: string
  /**
   * Where values come from, for properties whose column is not their name in snake_case, or of another type than
   * their schema suggests; and further columns, which are never shown, for relations, filters and sorts.
   */
  readonly columns?: Readonly<Record<string, string | ColumnSource>>
  /** The property that tells items apart: unique in the result of `from`, and NOT NULL. */
  readonly key: keyof Static<Shape> & string
  readonly list?: ListOptions
  /** Relations that `expand` may name. @default none */
  readonly expand?: Readonly<Record<string, Relation>>
  readonly limits?: Partial<ResourceLimits>
  /**
   * An SQL expression that changes whenever an item does, e.g. a version column or `updated_at`. With it an item has
   * a strong `ETag`, and changes to it can demand `If-Match`.
   */
  readonly revision?: string
  /**
   * A condition on all that a request may see, e.g. ``sql`product.tenant_id = ${tenant}` ``. It holds for the list, for
   * single items and where the resource is expanded in another.
   */
  readonly scope?: (request: FastifyRequest) => SqlFragment | undefined
  /** Of what cursors mean; see `version` of `keyset`. @default "1" */
  readonly version?: string
}

export interface ListOptions {
  /**
   * Orders offered, the first being that of a list that is not asked for one: properties, most significant first,
   * with `-` for descending, e.g. `['-updatedAt', 'category,-priceCents']`. Each can be reversed as a whole, too.
   * Each deserves an index that ends in the key. @default the key
   */
  readonly sort?: readonly string[]
  /** What the list may be filtered by. @default nothing */
  readonly filter?: Readonly<Record<string, readonly FilterOperator[]>>
  readonly page?: { /** @default 20 */ readonly default?: number; /** @default 100 */ readonly max?: number }
}

export interface ResourceLimits {
  /** Levels of expansions: 2 allows `items.product`. @default 2 */
  readonly depth: number
  /** Rows that the expansions of one request may read, at most, as the page size and `many` relations allow. @default 1,000 */
  readonly cost: number
  /** Values of one `in` filter. @default 100 */
  readonly values: number
}

/** The one item of another resource that this one points to; null when there is none. */
export interface OneRelation {
  readonly kind: 'one'
  /** Asked for when it is needed, so that resources can name each other. */
  readonly target: () => Resource
  /** The column of this resource that holds the other's key; it need not be shown. */
  readonly by: string
}

/** The items of another resource that point to this one. */
export interface ManyRelation {
  readonly kind: 'many'
  readonly target: () => Resource
  /** The column of the other resource that holds this one's key; it need not be shown. */
  readonly by: string
  /** At most so many of each item's are read. */
  readonly limit: number
  /** One of the target's orders; undefined for its default. */
  readonly sort: string | undefined
}

export type Relation = OneRelation | ManyRelation

/** A resource, ready to be served and to be expanded in others. Its members are for this folder. */
export interface Resource {
  readonly name: string
  readonly path: string
  readonly version: string
  readonly from: string
  readonly columns: ReadonlyMap<string, Column>
  /** The columns that are shown, in the order of the schema. */
  readonly shown: readonly Column[]
  readonly key: Column
  readonly orders: ReadonlyMap<string, ListOrder>
  readonly defaultOrder: string
  readonly filters: ReadonlyMap<string, readonly FilterOperator[]>
  readonly page: { readonly default: number; readonly max: number }
  readonly relations: ReadonlyMap<string, Relation>
  readonly limits: ResourceLimits
  readonly revision: string | undefined
  readonly scope: (request: FastifyRequest) => SqlFragment | undefined
}

const ownParameters = ['limit', 'cursor', 'sort', 'fields', 'expand']

/**
 * Declares a resource.
 *
 * @throws SettingError for a declaration that does not hold together
 */
export function defineResource<Shape extends TObject> (options: ResourceOptions<Shape>): Resource {
  const { name, path, schema, from, key, list = {}, expand = {}, revision, version = '1' } = options
  if (!/^\/.*[^/]$/.test(path)) throw new SettingError(`path of ${name}`, 'a path such as "/products"', path)
  const columns = resolveColumns(schema, options.columns ?? {})
  const shown = [...columns.values()].filter((column) => column.schema !== undefined)
  const keyColumn = columnOf(columns, key, `key of ${name}`)
  if (keyColumn.reader === undefined)
    throw new SettingError(`key of ${name}`, 'of a type that can be filtered by', key)
  const filters = resolveFilters(name, columns, list.filter ?? {})
  const orders = resolveSorts(name, columns, list.sort ?? [key])
  for (const relation of Object.keys(expand)) {
    if (columns.has(relation) || !/^\w+$/.test(relation)) {
      throw new SettingError(`expand of ${name}`, 'named unlike a property, in letters and digits', relation)
    }
  }
  const limits = { depth: 2, cost: 1_000, values: 100, ...options.limits }
  for (const [limit, value] of Object.entries(limits)) {
    if (!(Number.isInteger(value) && value >= 0)) {
      throw new SettingError(`limits.${limit} of ${name}`, 'a whole number', value)
    }
  }
  const max = list.page?.max ?? 100
  return {
    name,
    path,
    version,
    from,
    columns,
    shown,
    key: keyColumn,
    orders,
    defaultOrder: [...orders.keys()][0] ?? key,
    filters,
    page: { default: list.page?.default ?? Math.min(20, max), max },
    relations: new Map(Object.entries(expand)),
    limits,
    revision,
    scope: options.scope ?? (() => undefined),
  }
}

function resolveColumns (
  schema: TObject,
  sources: Readonly<Record<string, string | ColumnSource>>
): ReadonlyMap<string, Column> {
  const properties = Object.entries<TSchema>(schema.properties)
  const required = new Set<string>(schema.required ?? [])
  const shown = properties.map(([name, property]) =>
    resolveColumn(name, property, sources[name], required.has(name))
  )
  const hidden = Object.entries(sources)
    .filter(([name]) => !Object.hasOwn(schema.properties, name))
    .map(([name, source]) => resolveColumn(name, undefined, source))
  return new Map([...shown, ...hidden].map((column) => [column.name, column]))
}

function resolveFilters (
  resource: string,
  columns: ReadonlyMap<string, Column>,
  declared: Readonly<Record<string, readonly FilterOperator[]>>
): ReadonlyMap<string, readonly FilterOperator[]> {
  for (const [name, operators] of Object.entries(declared)) {
    const setting = `list.filter.${name} of ${resource}`
    const column = columnOf(columns, name, setting)
    if (ownParameters.includes(name)) {
      throw new SettingError(setting, `named unlike the parameters ${ownParameters.join(', ')}`, name)
    }
    const unknown = operators.filter((operator) => !filterOperators.includes(operator))
    if (unknown.length > 0 || operators.length === 0) {
      throw new SettingError(setting, `a list of ${filterOperators.join(', ')}`, operators)
    }
    if (column.reader === undefined) {
      throw new SettingError(
        setting,
        'of a type whose values can be checked, or an enum by its schema',
        column.type
      )
    }
  }
  return new Map(Object.entries(declared))
}

/** @throws SettingError when there is no such column */
export function columnOf (columns: ReadonlyMap<string, Column>, name: string, setting: string): Column {
  const column = columns.get(name)
  if (column === undefined) throw new SettingError(setting, `one of ${[...columns.keys()].join(', ')}`, name)
  return column
}
