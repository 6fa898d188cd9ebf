import type { Pool } from 'pg'
import { type LogPosition, parsePosition } from '../events/index.ts'
import type { BuildFailure, BuildState } from '../projections/index.ts'
import { type DeskTables, isThere } from './desk-tables.ts'

/** A build of a projection, as the database knows it: the definition is not needed. */
export interface BuildRecord {
  readonly projection: string
  readonly build: number
  readonly version: number
  readonly state: BuildState
  readonly position: LogPosition
  /** Events that were applied. */
  readonly events: number
  /** Rows in which it differed from the live one; `undefined` where nothing was compared. */
  readonly difference: number | undefined
  readonly failure: BuildFailure | undefined
  readonly startedAtMs: number
}

interface BuildRow {
  readonly projection: string
  readonly build: number
  readonly version: number
  readonly state: BuildState
  readonly position: string
  readonly events: string
  readonly difference: string | null
  readonly failure: BuildFailure | null
  readonly started_ms: number
}

/** Builds of all projections, the live one of each first. */
export async function projectionBuilds (
  pool: Pool,
  { projection: table }: DeskTables
): Promise<readonly BuildRecord[]> {
  if (!await isThere(pool, table)) return []
  const { rows } = await pool.query<BuildRow>(
    `SELECT projection, build, version, state, position, events::text, difference::text, failure,
      (extract(epoch FROM started_at) * 1000)::float8 AS started_ms
    FROM ${table} ORDER BY projection, state <> 'live', build`
  )
  return rows.map(({ difference, events, failure, position, started_ms: startedAtMs, ...row }) => ({
    ...row,
    position: parsePosition(position)!,
    events: Number(events),
    difference: difference === null ? undefined : Number(difference),
    failure: failure ?? undefined,
    startedAtMs,
  }))
}
