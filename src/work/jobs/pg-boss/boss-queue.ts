import type { Pool } from 'pg'
import type { PgBoss } from 'pg-boss'
import type { Transaction } from '../../../data/index.ts'
import { EngineMissingError, quoteIdentifier } from '../../../engines/index.ts'
import type { NewJob } from '../store/index.ts'

/** What a job is to pg-boss: the payload stays text, so that it comes back byte for byte. */
export interface BossData extends Omit<NewJob, 'id' | 'tier' | 'runAtMs'> {
  /** Runs that count already. */
  readonly attempt: number
  /** When it was first enqueued; absent at its first time in the queue. */
  readonly enqueuedAtMs?: number
}

/** A job on its way into the queue. */
export interface BossInsert {
  readonly id: string
  readonly data: BossData
  /** Epoch milliseconds; at once when absent. */
  readonly atMs?: number | undefined
}

/** A job that pg-boss has handed out. */
export interface BossJob {
  readonly id: string
  readonly data: BossData
  readonly createdOn: Date
  readonly startAfter: Date
  readonly startedOn: Date
}

/** A job that runs, and what it takes to put it back. */
export interface HeldJob extends BossData {
  readonly id: string
  readonly enqueuedAtMs: number
}

const prefix = 'plimsoll/'
/** pg-boss deletes what waits for longer than this, and fails what runs for longer: never, since leases are ours. */
const foreverSeconds = 10 * 365 * 86_400

/** The queues of pg-boss that belong to tiers: one each, named `plimsoll/<tier>`. */
export class BossQueue {
  readonly #boss: PgBoss
  readonly #known: Map<string, Promise<void>> = new Map()
  /** Its table of jobs, quoted: read where its own methods do not tell. */
  readonly table: string

  constructor (boss: PgBoss, schema: string) {
    this.#boss = boss
    this.table = `${quoteIdentifier(schema)}.job`
  }

  /** Makes the queue of a tier where it is missing, on a connection of pg-boss's own. */
  open (tier: string): Promise<void> {
    let opening = this.#known.get(tier)
    if (opening === undefined) {
      opening = this.#boss.createQueue(prefix + tier).catch((error: unknown) => {
        this.#known.delete(tier)
        throw error
      })
      this.#known.set(tier, opening)
    }
    return opening
  }

  async insert (tx: Transaction, tier: string, jobs: readonly BossInsert[]): Promise<void> {
    await this.open(tier)
    const rows = jobs.map(({ id, data, atMs }) => ({
      id,
      data,
      priority: data.priority,
      retryLimit: 0,
      expireInSeconds: foreverSeconds,
      retentionSeconds: foreverSeconds,
      ...(atMs === undefined ? {} : { startAfter: new Date(atMs) }),
    }))
    await this.#boss.insert(prefix + tier, rows, { db: databaseOf(tx) })
  }

  async fetch (tx: Transaction, tier: string, limit: number): Promise<readonly BossJob[]> {
    await this.open(tier)
    const options = { batchSize: limit, includeMetadata: true, db: databaseOf(tx) } as const
    const jobs = await this.#boss.fetch<BossData>(prefix + tier, options)
    // What is returned from an update comes in any order.
    return jobs.toSorted(inOrder)
  }

  /** They stay in pg-boss as completed, for as long as its queue says. */
  async complete (tx: Transaction, tier: string, ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.#boss.complete(prefix + tier, [...ids], null, { db: databaseOf(tx) })
  }

  async remove (tx: Transaction, tier: string, ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.#boss.deleteJob(prefix + tier, [...ids], { db: databaseOf(tx) })
  }

  /** What active jobs are, for those who put them back. */
  async read (
    tx: Transaction,
    tier: string,
    ids: readonly string[]
  ): Promise<readonly HeldJob[]> {
    const { rows } = await tx.query<{ id: string; data: BossData; created_ms: number }>(
      `SELECT id, data, floor(extract(epoch FROM created_on) * 1000)::float8 AS created_ms
      FROM ${this.table} WHERE name = $1 AND id = ANY ($2::uuid[]) AND state = 'active' ORDER BY id`,
      [prefix + tier, ids]
    )
    return rows.map(({ id, data, created_ms }) => ({
      ...data,
      id,
      enqueuedAtMs: data.enqueuedAtMs ?? created_ms,
    }))
  }

  /** Where a job is, locked until the end of the transaction; `undefined` where it is in no queue. */
  async find (
    tx: Transaction,
    id: string
  ): Promise<{ readonly tier: string; readonly isActive: boolean } | undefined> {
    const { rows: [row] } = await tx.query<{ name: string; state: string }>(
      `SELECT name, state FROM ${this.table}
      WHERE id = $1 AND name LIKE '${prefix}%' AND state IN ('created', 'retry', 'active') FOR UPDATE`,
      [id]
    )
    return row === undefined ?
      undefined :
      { tier: row.name.slice(prefix.length), isActive: row.state === 'active' }
  }

  async queued (pool: Pool, ids: readonly string[]): Promise<ReadonlySet<string>> {
    const { rows } = await pool.query<{ id: string }>(
      `SELECT id FROM ${this.table}
      WHERE id = ANY ($1::uuid[]) AND name LIKE '${prefix}%' AND state IN ('created', 'retry', 'active')`,
      [ids]
    )
    return new Set(rows.map(({ id }) => id))
  }

  /** By tier: what waits, runs, or is not due yet. It counts every row, so that it costs more the more there are. */
  async tiers (
    pool: Pool
  ): Promise<
    readonly {
      readonly tier: string
      readonly depth: number
      readonly later: number
      readonly running: number
      readonly oldestMs: number
    }[]
  > {
    const { rows } = await pool.query<
      { tier: string; depth: number; later: number; running: number; oldestMs: number }
    >(
      `SELECT substr(name, ${prefix.length + 1}) AS tier,
        count(*) FILTER (WHERE state <> 'active' AND start_after <= now())::int AS depth,
        count(*) FILTER (WHERE state <> 'active' AND start_after > now())::int AS later,
        count(*) FILTER (WHERE state = 'active')::int AS running,
        coalesce(greatest(0, extract(epoch FROM now() - min(start_after) FILTER (WHERE state <> 'active')) * 1000), 0)
          ::float8 AS "oldestMs"
      FROM ${this.table} WHERE name LIKE '${prefix}%' AND state IN ('created', 'retry', 'active') GROUP BY name`
    )
    return rows
  }
}

/** As pg-boss takes them; those that came in one statement, by their ids. */
function inOrder (one: BossJob, other: BossJob): number {
  const byPriority = other.data.priority - one.data.priority
  if (byPriority !== 0) return byPriority
  const byAge = one.createdOn.getTime() - other.createdOn.getTime()
  return byAge !== 0 ? byAge : one.id < other.id ? -1 : 1
}

/** Statements of pg-boss in a transaction of ours. */
function databaseOf (tx: Transaction): {
  executeSql(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>
} {
  return { executeSql: async (text, values = []) => await tx.query(text, values) }
}

/** A pg-boss of our own on `pool`, started. */
export async function startBoss (
  pool: Pool,
  schema: string,
  onError: (error: unknown) => void
): Promise<PgBoss> {
  const { PgBoss } = await import('pg-boss').catch((error: unknown) => {
    throw new EngineMissingError('pg-boss', 'pg-boss', error)
  })
  const boss = new PgBoss({
    schema,
    schedule: false,
    db: { executeSql: async (text, values = []) => await pool.query(text, values) },
  })
  boss.on('error', onError)
  await boss.start()
  return boss
}
