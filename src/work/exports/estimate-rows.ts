import type { Pool } from 'pg'
import type { StreamQuery } from '../../data/index.ts'
import { explainQuery } from './parts/index.ts'

interface Explained {
  readonly 'QUERY PLAN': readonly [{ readonly Plan: { readonly 'Plan Rows': number } }]
}

/** How many rows the planner expects of a query: wrong as all estimates, and known before the first row is read. */
export async function estimateRows (pool: Pool, query: StreamQuery): Promise<number> {
  const { text, values = [] } = explainQuery(query)
  const { rows: [row] } = await pool.query<Explained>(text, [...values])
  return row?.['QUERY PLAN'][0].Plan['Plan Rows'] ?? 0
}
