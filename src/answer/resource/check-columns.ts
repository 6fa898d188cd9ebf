import type { Pool } from 'pg'
import { SettingError } from '../../kernel/index.ts'
import type { Resource } from './definition.ts'

interface Origin {
  readonly table: number
  readonly column: number
  readonly isNotNull: boolean
  readonly isUnique: boolean
}

/**
 * Compares a declaration with the database, so that a wrong one stops the boot rather than losing rows in service:
 * its SQL must be valid, the columns that lists are sorted by must be NOT NULL where the schema says so, and the key
 * must be unique. Expressions, views and what an outer join leaves open are taken on trust.
 *
 * @throws SettingError for what does not hold; what PostgreSQL says of invalid SQL
 */
export async function checkColumns (resource: Resource, data: Pick<Pool, 'query'>): Promise<void> {
  const columns = [...resource.columns.values()]
  const names = columns.map(({ sql }) => sql)
  if (resource.revision !== undefined) names.push(resource.revision)
  const { fields } = await data.query(`select ${names.join(', ')} from ${resource.from} limit 0`)
  const { rows } = await data.query<Origin>(originsText, [
    fields.map(({ tableID }) => tableID),
    fields.map(({ columnID }) => columnID),
  ])
  const sorted = new Set([...resource.orders.values()].flatMap((order) => order.map(({ column }) => column)))
  for (const [at, column] of columns.entries()) {
    const { tableID, columnID } = fields[at] ?? { tableID: 0, columnID: 0 }
    const origin = rows.find(({ table, column }) => table === tableID && column === columnID)
    if (origin === undefined || column.isPromised) continue
    const setting = `columns.${column.name} of ${resource.name}`
    if (!origin.isNotNull && !column.isNullable && sorted.has(column.sql)) {
      throw new SettingError(
        setting,
        'NOT NULL in the database, or nullable by its schema, or { nullable: false } to promise it: ' +
          'a list sorted by it would lose the rows where it is NULL',
        column.sql
      )
    }
    if (column === resource.key && !origin.isUnique) {
      throw new SettingError(setting, 'unique in the database: pages are told apart by it', column.sql)
    }
  }
}

/** Only of tables: PostgreSQL knows nothing of the kind of a view's columns. */
const originsText = `
  select attribute.attrelid::int8::float8 as "table", attribute.attnum as "column", attribute.attnotnull as "isNotNull",
    exists (select from pg_index where indrelid = attribute.attrelid and indisunique and indpred is null
      and indnkeyatts = 1 and indkey[0] = attribute.attnum) as "isUnique"
  from unnest($1::oid[], $2::int2[]) as selected(relation, number)
  join pg_attribute as attribute on attribute.attrelid = selected.relation and attribute.attnum = selected.number
  join pg_class on pg_class.oid = attribute.attrelid and pg_class.relkind in ('r', 'p', 'm')`
