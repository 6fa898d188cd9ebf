import type { Pool } from 'pg'
import { statementName, type Transaction, transaction } from '../../data/index.ts'
import { quoteIdentifier } from '../../engines/index.ts'
import { type Clock, finishing, sleep, systemClock } from '../../kernel/index.ts'
import type { StoredAnswer } from './answer.ts'
import { type PostgresStatements, postgresStatements } from './postgres-sql.ts'
import type { Claim, Claimed, IdempotencyStore, KeyLease, Released } from './store.ts'

export interface PostgresIdempotencyStoreOptions {
  /** The pool in whose transactions the handlers write; yours to close. */
  readonly pool: Pool
  /** Holds the table `plimsoll_idempotency`. @default the first schema of the search path */
  readonly schema?: string | undefined
  readonly clock?: Clock
}

interface AnswerRow {
  readonly status: number | null
  readonly headers: string | null
  readonly body: Buffer | null
}

interface ClaimRow extends AnswerRow {
  readonly token: string | null
  readonly previous: 'none' | 'lapsed' | 'unknown'
  /** Null, as all of what was seen, when there was no row. */
  readonly same: boolean | null
  readonly over: boolean | null
  readonly left_ms: number | null
}

/** How often, and how far apart, a commit in doubt is asked about. */
const doubt = { tries: 20, pauseMs: 25 } as const

/**
 * Keys in PostgreSQL 13 or later, in the database of the effects. An answer that is settled in the handler's own
 * transaction is there if and only if the effect is: exactly once, through kills, lost connections and restarts.
 *
 * Leases are measured by the server's clock. They are written without waiting for the disk.
 */
export function postgresIdempotencyStore (
  options: PostgresIdempotencyStoreOptions
): IdempotencyStore<Transaction> {
  const { pool, schema, clock = systemClock } = options
  const sql = postgresStatements(schema)
  const names = statementNames(sql)

  async function claim ({ key, fingerprint, leaseMs, keepMs }: Claim): Promise<Claimed> {
    for (;;) {
      const values = [key, fingerprint, leaseMs, keepMs]
      const { rows: [row] } = await pool.query<ClaimRow>({ name: names.claim, text: sql.claim, values })
      const claimed = row === undefined ? undefined : claimedFrom(row, key)
      if (claimed !== undefined) return claimed
      // Somebody made the row in the very moment between look and insert; the next look sees it.
    }
  }

  async function settleIn (
    tx: Transaction,
    { key, token }: KeyLease,
    answer: StoredAnswer
  ): Promise<boolean> {
    const { status, headers, body = null } = answer
    const values = [key, token, status, JSON.stringify(headers), body]
    const { rowCount } = await tx.query({ name: names.settle, text: sql.settle, values })
    return rowCount === 1
  }

  /** Deletes the lease; or, where a commit is on its way after all, waits a little to see it arrive. */
  async function release ({ key, token }: KeyLease): Promise<Released> {
    for (let attempt = 1;; attempt++) {
      const values = [key, token]
      const { rowCount } = await pool.query({ name: names.release, text: sql.release, values })
      if (rowCount !== 0) return { kind: 'released' }
      const { rows: [row] } = await pool.query<AnswerRow>({ name: names.read, text: sql.read, values })
      if (row !== undefined && row.status !== null)
        return { kind: 'answered', answer: answerFrom(row, row.status) }
      if (row === undefined || attempt === doubt.tries) return { kind: 'lost' }
      await sleep(clock, doubt.pauseMs)
    }
  }

  const close = async (): Promise<void> => {}
  return {
    name: 'postgres',
    transactions: { run: (work) => transaction(pool, work), settleIn },
    prepare: () => prepare(pool, schema, sql),
    claim,
    async renew (leases, leaseMs) {
      const values = [leases.map(({ key }) => key), leases.map(({ token }) => token), leaseMs]
      const { rows } = await pool.query<{ token: string }>({ name: names.renew, text: sql.renew, values })
      const renewed = new Set(rows.map(({ token }) => token))
      return leases.filter(({ token }) => !renewed.has(String(token)))
    },
    async mark ({ key, token }) {
      const { rowCount } = await pool.query({ name: names.mark, text: sql.mark, values: [key, token] })
      return rowCount === 1
    },
    // What has happened is written down, even when nobody waits for it any more.
    settle: (lease, answer) => finishing(() => settleIn(pool, lease, answer)),
    release: (lease) => finishing(() => release(lease)),
    async sweep (limit) {
      const { rowCount } = await pool.query({ name: names.sweep, text: sql.sweep, values: [limit] })
      return rowCount ?? 0
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

function claimedFrom (row: ClaimRow, key: Buffer): Claimed | undefined {
  if (row.token !== null) {
    return { kind: 'taken', lease: { key, token: BigInt(row.token) }, previous: row.previous }
  }
  if (row.same === null) return undefined
  if (row.over !== true) {
    if (!row.same) return { kind: 'reused' }
    if (row.status !== null) return { kind: 'answered', answer: answerFrom(row, row.status) }
  }
  // Where the lease has ended all the same, its row is locked: somebody settles it, or takes it over, just now.
  return { kind: 'held', leaseLeftMs: Math.max(1, row.left_ms ?? 1) }
}

function answerFrom ({ headers, body }: AnswerRow, status: number): StoredAnswer {
  return { status, headers: JSON.parse(headers ?? '[]') as StoredAnswer['headers'], body: body ?? undefined }
}

/** Makes schema and table where they are missing; asks first, since only making them needs the right to. */
async function prepare (
  pool: Pool,
  schema: string | undefined,
  { table, create }: ReturnType<typeof postgresStatements>
): Promise<void> {
  const isThere = 'SELECT to_regclass($1) IS NOT NULL AS there'
  const { rows: [found] } = await pool.query<{ there: boolean }>(isThere, [table])
  if (found?.there === true) return
  await transaction(pool, async (tx) => {
    await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('plimsoll.idempotency.' || $1, 0))`, [
      table,
    ])
    if (schema !== undefined) {
      const { rowCount } = await tx.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema])
      if (rowCount === 0) await tx.query(`CREATE SCHEMA ${quoteIdentifier(schema)}`)
    }
    for (const statement of create) await tx.query(statement)
  })
}

function statementNames (
  sql: PostgresStatements
): Readonly<Record<'claim' | 'renew' | 'mark' | 'settle' | 'release' | 'read' | 'sweep', string>> {
  const name = (what: string, text: string): string => statementName(`idempotency_${what}`, text)
  return {
    claim: name('claim', sql.claim),
    renew: name('renew', sql.renew),
    mark: name('mark', sql.mark),
    settle: name('settle', sql.settle),
    release: name('release', sql.release),
    read: name('read', sql.read),
    sweep: name('sweep', sql.sweep),
  }
}
