import type { Pool } from 'pg'
import { statementName, type Transaction, transaction } from '../../../data/index.ts'
import { quoteIdentifier } from '../../../engines/index.ts'
import type { PurgeQueue } from './purge-queue.ts'

export interface PostgresPurgeQueueOptions {
  /** The pool in whose transactions purges are enqueued; yours to close. */
  readonly pool: Pool
  /** Holds the table `plimsoll_edge_purges`. @default the first schema of the search path */
  readonly schema?: string | undefined
}

interface JobRow {
  readonly id: string
  readonly tag: string
  readonly soft: boolean
  readonly pass: number
  readonly tries: number
  readonly age_ms: number
}

/**
 * Purges in a table of the service's own database (PostgreSQL 13 or later), written in the transaction that changes
 * what is cached: an edge hears of a change if and only if it commits, whatever becomes of the process.
 *
 * Not the outbox of events, which the work behind the requests has: purges need no order.
 */
export function postgresPurgeQueue ({ pool, schema }: PostgresPurgeQueueOptions): PurgeQueue<Transaction> {
  const sql = statements(schema)
  const named = (
    name: string,
    text: string,
    values: unknown[]
  ): { name: string; text: string; values: unknown[] } => ({
    name: statementName(`edge_purge_${name}`, text),
    text,
    values,
  })
  return {
    durable: true,
    prepare: () => prepare(pool, schema, sql),
    async enqueue (tx, purges) {
      await (tx ?? pool).query(named('enqueue', sql.enqueue, [
        purges.map(({ purger }) => purger),
        // PostgreSQL's text takes no NUL, and no half of a surrogate pair; JSON writes both as escapes.
        purges.map(({ tag }) => JSON.stringify(tag)),
        purges.map(({ mode }) => mode === 'soft'),
      ]))
    },
    async claim (purger, limit, leaseMs) {
      const { rows } = await pool.query<JobRow>(named('claim', sql.claim, [purger, limit, leaseMs]))
      return rows.map(({ id, tag, soft, pass, tries, age_ms: ageMs }) => ({
        id,
        purger,
        tag: JSON.parse(tag) as string,
        mode: soft ? 'soft' : 'hard',
        pass,
        tries,
        ageMs,
      }))
    },
    async settle (ids) {
      await pool.query(named('settle', sql.settle, [ids]))
    },
    async repeat (ids, afterMs) {
      await pool.query(named('repeat', sql.repeat, [ids, afterMs]))
    },
    async postpone (ids, afterMs) {
      await pool.query(named('postpone', sql.postpone, [ids, afterMs]))
    },
    async depths () {
      const { rows } = await pool.query<{ purger: string; waiting: number; oldest_ms: number }>(sql.depths)
      return rows.map(({ purger, waiting, oldest_ms: oldestMs }) => ({ purger, waiting, oldestMs }))
    },
  }
}

type Statements = ReturnType<typeof statements>

function statements (schema: string | undefined): {
  readonly table: string
  readonly create: readonly string[]
  readonly enqueue: string
  readonly claim: string
  readonly settle: string
  readonly repeat: string
  readonly postpone: string
  readonly depths: string
} {
  const own = quoteIdentifier('plimsoll_edge_purges')
  const table = schema === undefined ? own : `${quoteIdentifier(schema)}.${own}`
  const later = (parameter: string): string => `now() + ${parameter}::float8 * interval '1 ms'`
  const ageMs = (time: string): string => `(extract(epoch FROM clock_timestamp() - ${time}) * 1000)::float8`
  return {
    table,
    create: [
      `CREATE TABLE IF NOT EXISTS ${table} (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        purger text NOT NULL,
        tag text NOT NULL,
        soft boolean NOT NULL,
        pass smallint NOT NULL DEFAULT 1,
        tries integer NOT NULL DEFAULT 0,
        made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        due_at timestamptz NOT NULL DEFAULT clock_timestamp()
      ) WITH (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.05)`,
      `CREATE INDEX IF NOT EXISTS plimsoll_edge_purges_due ON ${table} (purger, due_at)`,
    ],
    enqueue: `INSERT INTO ${table} (purger, tag, soft)
      SELECT * FROM unnest($1::text[], $2::text[], $3::boolean[])`,
    claim: `WITH due AS MATERIALIZED (
        SELECT id FROM ${table} WHERE purger = $1 AND due_at <= clock_timestamp()
        ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED
      )
      UPDATE ${table} AS job SET due_at = ${later('$3')}, tries = job.tries + 1
      FROM due WHERE job.id = due.id
      RETURNING job.id, job.tag, job.soft, job.pass, job.tries, ${ageMs('job.made_at')} AS age_ms`,
    // Whoever has purged a row may end it, even when its lease had passed to another: both told the edge.
    settle: `DELETE FROM ${table} WHERE id = ANY ($1::bigint[])`,
    repeat: `UPDATE ${table} SET pass = 2, tries = 0, due_at = ${later('$2')} WHERE id = ANY ($1::bigint[])`,
    postpone: `UPDATE ${table} SET due_at = ${later('$2')} WHERE id = ANY ($1::bigint[])`,
    depths: `SELECT purger, count(*)::integer AS waiting, max(${ageMs('made_at')}) AS oldest_ms
      FROM ${table} WHERE pass = 1 GROUP BY purger`,
  }
}

/** Makes schema and table where they are missing; asks first, since only making them needs the right to. */
async function prepare (
  pool: Pool,
  schema: string | undefined,
  { table, create }: Statements
): Promise<void> {
  const { rows: [found] } = await pool.query<{ there: boolean }>(
    'SELECT to_regclass($1) IS NOT NULL AS there',
    [
      table,
    ]
  )
  if (found?.there === true) return
  await transaction(pool, async (tx) => {
    await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('plimsoll.edge-purges.' || $1, 0))`, [
      table,
    ])
    if (schema !== undefined) {
      const { rowCount } = await tx.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema])
      if (rowCount === 0) await tx.query(`CREATE SCHEMA ${quoteIdentifier(schema)}`)
    }
    for (const statement of create) await tx.query(statement)
  })
}
