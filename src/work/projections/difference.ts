import type { Transaction } from '../../data/index.ts'
import { quoteIdentifier } from '../../engines/index.ts'

/** Two tables that should hold the same rows. */
export interface TablePair {
  readonly name: string
  /** Quoted. */
  readonly one: string
  readonly other: string
  readonly columns: readonly string[]
}

export interface Difference {
  /** Rows that only one of the two has, over all tables; a row that is there twice instead of once counts as one. */
  readonly rows: number
  /** Some of them, by table; `side` says how often more the first one has it, below 0 the other. */
  readonly examples: Readonly<Record<string, readonly unknown[]>>
}

const mostExamples = 5

/** Counts, in the snapshot of `tx`, the rows in which tables differ. */
export async function differenceOf (tx: Transaction, pairs: readonly TablePair[]): Promise<Difference> {
  let rows = 0
  const examples: Record<string, readonly unknown[]> = {}
  for (const pair of pairs) {
    const text = differenceText(pair)
    const { rows: [count] } = await tx.query<{ rows: string }>(
      `SELECT coalesce(sum(abs(side)), 0)::text AS rows FROM (${text}) AS difference`
    )
    if (count === undefined || count.rows === '0') continue
    rows += Number(count.rows)
    const found = await tx.query(`${text} LIMIT ${mostExamples}`)
    examples[pair.name] = found.rows
  }
  return { rows, examples }
}

/** One pass over both tables. Columns are compared as text, since not all types know what is equal: json does not. */
function differenceText ({ one, other, columns }: TablePair): string {
  const own = columns.map((column) => `${quoteIdentifier(column)}::text`).join(', ')
  const names = columns.map(quoteIdentifier).join(', ')
  return `SELECT ${names}, sum(side)::int AS side FROM (
      SELECT ${own}, 1 AS side FROM ${one} UNION ALL SELECT ${own}, -1 FROM ${other}
    ) AS both_of_them GROUP BY ${names} HAVING sum(side) <> 0`
}

/** The columns of a table, in their order. */
export async function columnsOf (tx: Transaction, table: string): Promise<readonly string[]> {
  const { rows } = await tx.query<{ name: string }>(
    `SELECT attname AS name FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped
      ORDER BY attnum`,
    [table]
  )
  return rows.map(({ name }) => name)
}
