import { pageSizeInvalid } from '../../data/page/index.ts'
import type { Resource } from './definition.ts'
import { canonicalExpansions, type Expansion, fieldTree, parseExpansions } from './expansion.ts'
import { canonicalMask, everyField, type FieldMask, parseFieldMask } from './field-mask.ts'
import { canonicalFilters, type Filter, filterParameters, readFilter } from './filter.ts'
import { parameterUnknown, sortUnknown, valueInvalid } from './problems.ts'

/** A query as it was parsed from a URL: a parameter that was given several times is a list. */
export type RawQuery = Readonly<Record<string, string | readonly string[]>>

/** What a client wants to see of items. */
export interface ItemQuery {
  readonly mask: FieldMask
  readonly expansions: readonly Expansion[]
}

/** What a client asks of a list. */
export interface ListQuery extends ItemQuery {
  readonly limit: number
  readonly cursor: string | undefined
  /** The name of one of the resource's orders. */
  readonly sort: string
  readonly filters: readonly Filter[]
}

const itemParameters = ['fields', 'expand'] as const
const listParameters = ['limit', 'cursor', 'sort', ...itemParameters] as const

/** @throws Problem for whatever the list does not have, with what it has */
export function readListQuery (resource: Resource, query: RawQuery): ListQuery {
  const limit = readLimit(once(query, 'limit'), resource)
  const sort = once(query, 'sort') ?? resource.defaultOrder
  if (!resource.orders.has(sort)) throw sortUnknown(sort, [...resource.orders.keys()])
  const allowed = (): readonly string[] => [
    ...listParameters.filter((name) => name !== 'expand' || resource.relations.size > 0),
    ...filterParameters(resource),
  ]
  const filters = Object.entries(query)
    .filter(([name]) => !listParameters.some((own) => own === name))
    .map(([name, value]) => readFilter(resource, name, textsOf(name, value), allowed))
  return { limit, cursor: once(query, 'cursor'), sort, filters, ...readShape(resource, query, limit) }
}

/** @throws Problem for whatever an item does not have, with what it has */
export function readItemQuery (resource: Resource, query: RawQuery): ItemQuery {
  const unknown = Object.keys(query).find((name) => !itemParameters.some((own) => own === name))
  if (unknown !== undefined) throw parameterUnknown(unknown, itemParameters)
  return readShape(resource, query, 1)
}

function readShape (resource: Resource, query: RawQuery, items: number): ItemQuery {
  const expand = once(query, 'expand')
  const expansions = expand === undefined ? [] : parseExpansions(expand, resource, items)
  const fields = once(query, 'fields')
  const mask = fields === undefined ? everyField : parseFieldMask(fields, fieldTree(resource, expansions))
  return { mask, expansions }
}

function once (query: RawQuery, name: string): string | undefined {
  const value = Object.hasOwn(query, name) ? query[name] : undefined
  if (value === undefined || typeof value === 'string') return value
  throw valueInvalid(name, 'given once', textsOf(name, value).join('&'))
}

/** A parser of queries that builds objects is not what resources are read with. */
function textsOf (name: string, value: unknown): readonly string[] {
  const texts: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (texts.every((text) => typeof text === 'string')) return texts
  throw valueInvalid(name, 'a text', JSON.stringify(value))
}

/** Beyond the maximum is refused rather than clamped: a client that asks for 1,000 counts on getting them. */
function readLimit (text: string | undefined, { page }: Resource): number {
  if (text === undefined) return page.default
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : NaN
  if (limit >= 1 && limit <= page.max) return limit
  throw pageSizeInvalid(text, page.max)
}

/**
 * The query in one spelling: two requests whose canonical queries are equal get the same answer. For the key of a
 * cache.
 *
 * @throws Problem as reading the query does
 */
export function canonicalListQuery (resource: Resource, query: RawQuery): string {
  const { limit, cursor = '', sort, filters, ...shape } = readListQuery(resource, query)
  return JSON.stringify([limit, cursor, sort, canonicalFilters(filters), ...canonicalShape(shape)])
}

/** @throws Problem as reading the query does */
export function canonicalItemQuery (resource: Resource, query: RawQuery): string {
  return JSON.stringify(canonicalShape(readItemQuery(resource, query)))
}

function canonicalShape ({ mask, expansions }: ItemQuery): readonly string[] {
  return [canonicalMask(mask), canonicalExpansions(expansions)]
}
