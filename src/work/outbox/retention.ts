import type { Pool } from 'pg'
import { type Transaction, transaction } from '../../data/index.ts'
import type { OutboxNames } from './outbox-names.ts'
import { segmentCount } from './outbox-tables.ts'

export interface RetentionOptions {
  readonly pool: Pool
  readonly names: OutboxNames
  /** Events are kept at least so long, and at most a sixth longer unless somebody still has to read them. */
  readonly keepMs: number
  /** A reader whose checkpoint was not saved for so long is no longer waited for; `Infinity`: all are. */
  readonly forsakeAfterMs: number
  /** Hears of a reader whose unread events have been dropped. */
  readonly onForsaken: (name: string) => void
}

/** A lock that is not free in this time is tried again at the next upkeep. */
const patienceMs = 200

/**
 * Segments are written in turn, each for a part of the time that events are kept, and emptied when they are older than
 * that and all readers are past them. Emptying takes one lock, on a partition that is no longer written; inserts never
 * wait for it. The choice of the segment is a row, not a date in the table's definition: no clock, however wrong, can
 * make an insert fail, and a segment that cannot be emptied only means that the one before it grows on.
 */
export async function keepUp (options: RetentionOptions): Promise<void> {
  const { pool, names } = options
  await turn(options)
  const { rows } = await pool.query<{ segment: number; is_due: boolean }>(
    `SELECT closed.segment, closed.closed_at <= now() - $1::float8 * interval '1 ms' AS is_due
      FROM ${names.segments} AS closed CROSS JOIN ${names.state} AS state WHERE closed.closed_at IS NOT NULL
      ORDER BY (closed.segment - state.segment - 1 + ${segmentCount}) % ${segmentCount}`,
    [options.keepMs]
  )
  // Oldest first, and no further than the first that is still needed, so that the log has no holes. Which one is the
  // oldest, their turn says: times are those of a clock that may have been set back.
  for (const { segment, is_due: isDue } of rows) {
    if (!isDue || !await emptied(segment, options)) return
  }
}

/** Goes on to the next segment, when the present one has been written for long enough and the next one is empty. */
async function turn ({ pool, names, keepMs }: RetentionOptions): Promise<void> {
  const turnMs = keepMs / (segmentCount - 2)
  await pool.query(
    `WITH due AS (
      SELECT now.segment, next.segment AS next FROM ${names.state} AS state
      JOIN ${names.segments} AS now ON now.segment = state.segment
      JOIN ${names.segments} AS next ON next.segment = (state.segment + 1) % ${segmentCount}
      WHERE now.opened_at <= now() - $1::float8 * interval '1 ms' AND next.opened_at IS NULL
      FOR UPDATE OF now, next SKIP LOCKED
    ), closed AS (
      UPDATE ${names.segments} AS segment SET closed_at = now() FROM due WHERE segment.segment = due.segment
    ), opened AS (
      UPDATE ${names.segments} AS segment SET opened_at = now(), closed_at = NULL FROM due
      WHERE segment.segment = due.next
    )
    UPDATE ${names.state} SET segment = due.next FROM due WHERE ${names.state}.segment = due.segment`,
    [turnMs]
  )
}

/** @returns false when somebody still has to read it, or reads or writes it right now */
async function emptied (segment: number, options: RetentionOptions): Promise<boolean> {
  try {
    const left = await transaction(options.pool, (tx) => empty(tx, segment, options))
    for (const name of left ?? []) options.onForsaken(name)
    return left !== undefined
  } catch (error) {
    if (isLockTimeout(error)) return false
    throw error
  }
}

/** @returns the readers that had not come to its end; `undefined`, with nothing done, when one of them is waited for */
async function empty (
  tx: Transaction,
  segment: number,
  options: RetentionOptions
): Promise<readonly string[] | undefined> {
  const { names, keepMs, forsakeAfterMs } = options
  const partition = names.segment(segment)
  await tx.query(`SET LOCAL lock_timeout = ${patienceMs}`)
  const { rowCount } = await tx.query(
    `SELECT FROM ${names.segments} WHERE segment = $1 AND closed_at <= now() - $2::float8 * interval '1 ms' FOR UPDATE`,
    [segment, keepMs]
  )
  // Another process was faster.
  if (rowCount === 0) return []
  await tx.query(`LOCK TABLE ${partition} IN ACCESS EXCLUSIVE MODE`)
  const { rows: behind } = await tx.query<{ name: string; is_forsaken: boolean }>(
    `SELECT name, coalesce(saved_at <= now() - $1::float8 * interval '1 ms', false) AS is_forsaken
      FROM ${names.readers} AS reader, (
        SELECT epoch, xid, position FROM ${partition} ORDER BY epoch DESC, xid DESC, position DESC LIMIT 1
      ) AS last
      WHERE (last.epoch, last.xid, last.position) > (reader.epoch, reader.xid, reader.position)`,
    [Number.isFinite(forsakeAfterMs) ? forsakeAfterMs : null]
  )
  if (behind.some(({ is_forsaken: isForsaken }) => !isForsaken)) return undefined
  await tx.query(
    `UPDATE ${names.state} AS state SET tail_epoch = last.epoch, tail_xid = last.xid, tail_position = last.position
      FROM (SELECT epoch, xid, position FROM ${partition} ORDER BY epoch DESC, xid DESC, position DESC LIMIT 1) AS last
      WHERE state.tail_epoch IS NULL OR
        (last.epoch, last.xid, last.position) > (state.tail_epoch, state.tail_xid, state.tail_position)`
  )
  await tx.query(`TRUNCATE ${partition}`)
  await tx.query(`UPDATE ${names.segments} SET opened_at = NULL, closed_at = NULL WHERE segment = $1`, [
    segment,
  ])
  return behind.map(({ name }) => name)
}

/** SQLSTATE `lock_not_available`. */
function isLockTimeout (error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === '55P03'
}
