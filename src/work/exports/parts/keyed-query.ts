import type { StreamQuery } from '../../../data/index.ts'

const alias = 'plimsoll_export'

/** The next rows of a query, by its key. */
export function keyedQuery (
  query: StreamQuery,
  key: readonly string[],
  after: readonly string[] | undefined,
  limit: number
): StreamQuery {
  const columns = key.map(quoteColumn).join(', ')
  const values = [...query.values ?? [], ...after ?? []]
  const where = after === undefined ? '' : `where (${columns}) > (${placeholders(query, after)})\n`
  return { text: `${allOf(query)}\n${where}order by ${columns} limit ${limit}`, values }
}

/** Finds a row that no page by key would show. */
export function nullKeyQuery (query: StreamQuery, key: readonly string[]): StreamQuery {
  const isNull = key.map((column) => `${quoteColumn(column)} is null`).join(' or ')
  return { text: `${allOf(query)}\nwhere ${isNull} limit 1`, values: query.values ?? [] }
}

/** Finds the rows of one key: more than one, and the others would be missing after the end of a part. */
export function sameKeyQuery (
  query: StreamQuery,
  key: readonly string[],
  values: readonly string[]
): StreamQuery {
  const columns = key.map(quoteColumn).join(', ')
  return {
    text: `${allOf(query)}\nwhere (${columns}) = (${placeholders(query, values)}) limit 2`,
    values: [...query.values ?? [], ...values],
  }
}

/** What the planner makes of it. */
export function explainQuery (query: StreamQuery): StreamQuery {
  return { text: `explain (format json) ${allOf(query)}`, values: query.values ?? [] }
}

function allOf ({ text }: StreamQuery): string {
  return `select * from (\n${text.replace(/;\s*$/, '')}\n) as ${alias}`
}

function placeholders ({ values = [] }: StreamQuery, more: readonly string[]): string {
  return more.map((_, at) => `$${values.length + at + 1}`).join(', ')
}

function quoteColumn (name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
