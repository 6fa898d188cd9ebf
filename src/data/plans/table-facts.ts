import type { PoolClient } from 'pg'

/** What the catalogue knows of a table. */
export interface TableFacts {
  readonly schema: string
  readonly name: string
  /** As of the last ANALYZE or VACUUM; -1 for never. */
  readonly rows: number
  /** Type by column. */
  readonly types: Readonly<Record<string, string>>
  /** How many different values a column has, where that is known. */
  readonly distinct: Readonly<Record<string, number>>
  readonly indexes: readonly IndexFacts[]
}

export interface IndexFacts {
  readonly name: string
  /** In their order; `null` for an expression. */
  readonly columns: readonly (string | null)[]
  /** It has a WHERE. */
  readonly isPartial: boolean
  /** Of the access method btree. */
  readonly isOrdered: boolean
}

interface Row {
  readonly schema: string
  readonly name: string
  readonly rows: number
  readonly columns: readonly {
    readonly name: string
    readonly type: string
    readonly distinct: number | null
  }[]
  readonly indexes: readonly IndexFacts[] | null
}

const factsQuery = `SELECT n.nspname AS schema, c.relname AS name, c.reltuples::float8 AS rows,
  (SELECT json_agg(json_build_object('name', attname, 'type', format_type(atttypid, NULL), 'distinct',
      (SELECT CASE WHEN n_distinct < 0 THEN -n_distinct * c.reltuples ELSE n_distinct END FROM pg_stats s
      WHERE s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname AND NOT inherited)))
    FROM pg_attribute a WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) AS columns,
  (SELECT json_agg(json_build_object('name', i.relname, 'isPartial', indpred IS NOT NULL,
      'isOrdered', (SELECT amname = 'btree' FROM pg_am WHERE pg_am.oid = i.relam),
      'columns', (SELECT json_agg(attname ORDER BY k) FROM generate_series(0, indnkeyatts - 1) k
        LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = indkey[k])))
    FROM pg_index JOIN pg_class i ON i.oid = indexrelid WHERE indrelid = c.oid AND indisvalid) AS indexes
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE (n.nspname, c.relname) IN (SELECT * FROM unnest($1::text[], $2::text[]))`

/** Facts of tables by `schema.name`. */
export async function readTableFacts (
  client: PoolClient,
  tables: readonly { readonly schema: string; readonly name: string }[]
): Promise<ReadonlyMap<string, TableFacts>> {
  const { rows } = await client.query<Row>(factsQuery, [
    tables.map(({ schema }) => schema),
    tables.map(({ name }) => name),
  ])
  return new Map(rows.map(({ schema, name, rows, columns, indexes }) => {
    const known = columns.filter(({ distinct }) => distinct !== null)
    return [`${schema}.${name}`, {
      schema,
      name,
      rows,
      types: Object.fromEntries(columns.map(({ name, type }) => [name, type])),
      distinct: Object.fromEntries(known.map(({ name, distinct }) => [name, distinct ?? 0])),
      indexes: indexes ?? [],
    }]
  }))
}
