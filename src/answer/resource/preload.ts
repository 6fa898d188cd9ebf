import type { FastifyRequest } from 'fastify'
import { rawSql, sql, type SqlFragment } from '../../data/page/index.ts'
import { columnOf, type ManyRelation, type Resource } from './definition.ts'
import type { Expansion } from './expansion.ts'
import { allOf } from './filter.ts'
import { type Item, itemOf, maskFor, type Row, type Selection, selectionOf, selectText } from './selection.ts'
import { orderText } from './sorts.ts'

/** Runs a statement and answers its rows as arrays. */
export type ReadRows = (statement: SqlFragment) => Promise<readonly Row[]>

/**
 * Reads what is to be expanded in some rows and puts it into their items: one query for each relation, however many
 * rows there are; relations beside each other are read at the same time.
 */
export async function preload (
  readRows: ReadRows,
  request: FastifyRequest,
  selection: Selection,
  rows: readonly Row[],
  items: readonly Item[]
): Promise<void> {
  await Promise.all(selection.expansions.map(async (expansion) => {
    const tie = selection.ties.get(expansion) ?? 0
    const keys = rows.map((row) => row[tie])
    const found = await related(readRows, request, selection, expansion, keys)
    for (const [at, item] of items.entries()) item[expansion.name] = found(keys[at])
  }))
}

/** @returns what belongs to a key */
async function related (
  readRows: ReadRows,
  request: FastifyRequest,
  selection: Selection,
  expansion: Expansion,
  keys: readonly unknown[]
): Promise<(key: unknown) => unknown> {
  const { relation, target, inner } = expansion
  const wanted = [...new Set(keys.filter((key) => key !== null && key !== undefined).map(String))]
  const inside = selectionOf(target, inner, maskFor(selection, expansion))
  const rows = wanted.length === 0 ? [] : await readRows(
    relation.kind === 'one' ?
      oneText(target, inside, target.scope(request), wanted) :
      manyText(target, relation, inside, target.scope(request), wanted)
  )
  const { length: width } = inside.columns
  const items = rows.map((row) => itemOf(inside, row))
  await preload(readRows, request, inside, rows, items)
  if (relation.kind === 'one') {
    const byKey = new Map(rows.map((row, at) => [String(row[width]), items[at]]))
    return (key) => byKey.get(String(key)) ?? null
  }
  const byKey = Map.groupBy(items.keys(), (at) => String(rows[at]?.[width]))
  return (key) => {
    const own = byKey.get(String(key)) ?? []
    return { items: own.slice(0, relation.limit).map((at) => items[at]), more: own.length > relation.limit }
  }
}

function oneText (
  target: Resource,
  selection: Selection,
  scope: SqlFragment | undefined,
  keys: readonly string[]
): SqlFragment {
  const key = rawSql(target.key.sql)
  const isWanted = sql`${key} = any(${keys}::${rawSql(target.key.type)}[])`
  return sql`select ${rawSql(selectText(selection))}, ${key} from ${rawSql(target.from)} where ${
    allOf([isWanted, ...scope === undefined ? [] : [scope]])
  }`
}

/** A page of each: as many index scans as there are keys, in one statement. One row more than shown tells `more`. */
function manyText (
  target: Resource,
  relation: ManyRelation,
  selection: Selection,
  scope: SqlFragment | undefined,
  keys: readonly string[]
): SqlFragment {
  const by = columnOf(target.columns, relation.by, `the relation to ${target.name}`)
  const belongs = rawSql(`${by.sql} = "$owner"."$key"`)
  const order = rawSql(
    orderText(target.orders.get(relation.sort ?? target.defaultOrder) ?? [], target.key.sql)
  )
  const limit = rawSql(String(relation.limit + 1))
  const inner = sql`select ${
    rawSql(selectText(selection))
  }, "$owner"."$key", row_number() over (order by ${order}) as "$place"
    from ${rawSql(target.from)} where ${
    allOf([belongs, ...scope === undefined ? [] : [scope]])
  } order by ${order} limit ${limit}`
  return sql`select "$item".* from unnest(${keys}::${rawSql(by.type)}[]) as "$owner"("$key")
    cross join lateral (${inner}) as "$item" order by "$item"."$place"`
}
