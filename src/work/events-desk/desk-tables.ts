import type { Pool } from 'pg'
import { quoteIdentifier } from '../../engines/index.ts'

/** Tables of consumers and projections, quoted; they are there when the service has such. */
export interface DeskTables {
  readonly consumer: string
  readonly inbox: string
  readonly heldKey: string
  readonly heldMessage: string
  readonly projection: string
}

export function deskTables (schema: string): DeskTables {
  const named = (table: string): string => `${quoteIdentifier(schema)}.${table}`
  return {
    consumer: named('plimsoll_consumer'),
    inbox: named('plimsoll_inbox'),
    heldKey: named('plimsoll_held_key'),
    heldMessage: named('plimsoll_held_message'),
    projection: named('plimsoll_projection'),
  }
}

/** Whether a table is there: who only looks makes none. */
export async function isThere (pool: Pool, table: string): Promise<boolean> {
  const { rows: [row] } = await pool.query<{ there: boolean }>(
    'SELECT to_regclass($1) IS NOT NULL AS there',
    [
      table,
    ]
  )
  return row?.there === true
}
