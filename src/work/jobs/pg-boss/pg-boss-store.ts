import type { Pool } from 'pg'
import type { PgBoss } from 'pg-boss'
import { type Transaction, transaction } from '../../../data/index.ts'
import { type Duration, parseDuration } from '../../../kernel/index.ts'
import { auditKept, deadTables, prepareDeadTables, type RedrivenJob, sweepAudit } from '../failure/index.ts'
import type {
  ClaimedBatch,
  ClaimedJob,
  ClaimRequest,
  Enqueued,
  JobOutcome,
  JobStore,
  NewJob,
  Renewed,
  TierState,
  Upkeep,
} from '../store/index.ts'
import { BossKeys } from './boss-keys.ts'
import { BossLeases, lapsedAtOnce } from './boss-leases.ts'
import { type BossInsert, type BossJob, BossQueue, startBoss } from './boss-queue.ts'
import { BossReceipts } from './boss-receipts.ts'
import { type BossTables, bossTables, prepareBossTables } from './boss-tables.ts'
import { JobStoreLackError, type PgBossLack, pgBossLacks } from './lacks.ts'

export interface PgBossJobStoreOptions {
  /** In whose database pg-boss is; yours to close. A connection beside the caller's is needed to make a tier's queue. */
  readonly pool: Pool
  /** A pg-boss 12.38 or later, started; yours to stop. @default one of its own on `pool`, from the package `pg-boss` */
  readonly boss?: PgBoss | undefined
  /** Where pg-boss has its tables. @default 'pgboss' */
  readonly bossSchema?: string | undefined
  /** Holds the tables beside them, and the dead letters. @default the first schema of the search path */
  readonly schema?: string | undefined
  /** How long receipts are kept after the end of their job. @default '7d' */
  readonly receiptKeep?: Duration | undefined
  /** How long it is kept what people did with dead letters that are gone. @default '90d' */
  readonly auditKeep?: Duration | undefined
  /** Hears of what fails in the background, when `boss` is not yours. */
  readonly onError?: ((error: unknown) => void) | undefined
}

/** A store that says what it cannot do. */
export interface PgBossJobStore extends JobStore {
  readonly lacks: readonly PgBossLack[]
}

/** What is there once it is prepared. */
interface Opened {
  readonly queue: BossQueue
  readonly leases: BossLeases
}

/**
 * Jobs in pg-boss, for teams that have it: one queue of it for each tier, its own claim, its dashboard and tools. Leases,
 * unique keys, receipts and dead letters, which it lacks or counts otherwise, are in tables beside, written in the same
 * transactions. What it does not promise: see {@link pgBossLacks}.
 *
 * A transaction that settles a job holds up the other settlements of its batch.
 */
export function pgBossJobStore (options: PgBossJobStoreOptions): PgBossJobStore {
  return new BossStore(options)
}

class BossStore implements PgBossJobStore {
  readonly name = 'pg-boss'
  readonly lacks: readonly PgBossLack[] = pgBossLacks
  readonly #options: PgBossJobStoreOptions
  readonly #pool: Pool
  readonly #tables: BossTables
  readonly #letters: string
  readonly #keys: BossKeys
  readonly #receipts: BossReceipts
  readonly #receiptMs: number
  readonly #auditMs: number
  #parts: Opened | undefined
  #own: PgBoss | undefined

  constructor (options: PgBossJobStoreOptions) {
    const { pool, schema } = options
    this.#options = options
    this.#pool = pool
    this.#tables = bossTables(schema)
    this.#letters = deadTables(schema).letters
    this.#keys = new BossKeys(this.#tables)
    this.#receipts = new BossReceipts(this.#tables)
    this.#receiptMs = parseDuration(options.receiptKeep ?? '7d', 'jobs.receiptKeep')
    this.#auditMs = parseDuration(options.auditKeep ?? auditKept, 'jobs.auditKeep')
  }

  async prepare (): Promise<void> {
    const { boss, bossSchema = 'pgboss', schema, onError = () => {} } = this.#options
    await prepareBossTables(this.#pool, schema)
    await prepareDeadTables(this.#pool, schema)
    if (this.#parts !== undefined) return
    if (boss === undefined) this.#own = await startBoss(this.#pool, bossSchema, onError)
    const queue = new BossQueue(boss ?? this.#own!, bossSchema)
    const leases = new BossLeases({
      tables: this.#tables,
      letters: this.#letters,
      queue,
      keys: this.#keys,
      receipts: this.#receipts,
    })
    this.#parts = { queue, leases }
  }

  get #opened (): Opened {
    if (this.#parts === undefined) throw new Error('the pg-boss store is used before prepare()')
    return this.#parts
  }

  async enqueue (tx: Transaction, jobs: readonly (NewJob & RedrivenJob)[]): Promise<readonly Enqueued[]> {
    const capped = jobs.find(({ cap }) => cap !== undefined)
    if (capped !== undefined) throw new JobStoreLackError('caps', `${capped.name} has one`)
    const results: Enqueued[] = []
    const kept: (NewJob & RedrivenJob)[] = []
    for (const job of jobs) {
      const duplicateOf = await this.#keys.take(tx, job)
      results.push(duplicateOf === undefined ? { id: job.id } : { id: job.id, duplicateOf })
      if (duplicateOf === undefined) kept.push(job)
    }
    for (const [tier, each] of Map.groupBy(kept, ({ tier }) => tier))
      await this.#opened.queue.insert(tx, tier, each.map(insertOf))
    await this.#receipts.open(tx, kept)
    return results
  }

  async claim ({ tier, limit, leaseMs }: ClaimRequest): Promise<ClaimedBatch | undefined> {
    const { queue, leases } = this.#opened
    await queue.open(tier)
    return await transaction(this.#pool, async (tx) => {
      for (;;) {
        const found = await queue.fetch(tx, tier, limit)
        if (found.length === 0) return undefined
        const late = found.filter(isLate)
        await leases.end(tx, tier, late.map(({ id }) => ({ id, state: 'expired' })))
        const jobs = found.filter((job) => !isLate(job)).map((job) => claimedOf(job, tier))
        if (jobs.length === 0) continue
        const token = await leases.open(tx, tier, jobs.map(({ id }) => id), leaseMs)
        const tracked = jobs.filter((job) => job.tracked)
        await this.#receipts.change(tx, tracked.map(({ id, attempt }) => ({ id, state: 'running', attempt })))
        return { token, jobs }
      }
    })
  }

  async renew (tokens: readonly bigint[], leaseMs: number): Promise<Renewed> {
    const { lease } = this.#tables
    // A lease that is locked is being settled, or taken back: neither waits for the other, and the next renewal knows.
    const { rows } = await this.#pool.query<{ token: string; cancelling: readonly string[] }>(
      `WITH free AS (
        SELECT token FROM ${lease} WHERE token = ANY ($1::bigint[]) FOR UPDATE SKIP LOCKED
      ), renewed AS (
        UPDATE ${lease} AS mine SET lease_until = clock_timestamp() + $2::float8 * interval '1 ms'
        FROM free WHERE mine.token = free.token
      )
      SELECT token, ARRAY (SELECT unnest(cancelling) INTERSECT SELECT unnest(ids)) AS cancelling
      FROM ${lease} WHERE token = ANY ($1::bigint[])`,
      [tokens, leaseMs]
    )
    const held = new Set(rows.map(({ token }) => token))
    return {
      lost: tokens.filter((token) => !held.has(String(token))),
      cancelling: rows.flatMap(({ cancelling }) => cancelling),
    }
  }

  settle (token: bigint, outcomes: readonly JobOutcome[]): Promise<readonly string[]> {
    return transaction(this.#pool, (tx) => this.#opened.leases.settle(tx, token, outcomes))
  }

  async settleIn (tx: Transaction, token: bigint, outcome: JobOutcome): Promise<boolean> {
    return (await this.#opened.leases.settle(tx, token, [outcome])).length === 0
  }

  giveBack (token: bigint, ids?: readonly string[]): Promise<void> {
    return transaction(this.#pool, (tx) => this.#opened.leases.giveBack(tx, token, ids))
  }

  async upkeep (): Promise<Upkeep> {
    return await transaction(this.#pool, async (tx) => {
      const { leases, recovered, died } = await this.#opened.leases.takeBack(tx)
      await this.#keys.sweep(tx)
      await this.#receipts.sweep(tx, this.#receiptMs)
      await sweepAudit(tx, this.#options.schema, this.#auditMs)
      return { recovered, died, promoted: 0, admitted: 0, more: leases === lapsedAtOnce }
    })
  }

  async receipt (id: string): ReturnType<JobStore['receipt']> {
    return (await this.receipts([id]))[0]
  }

  receipts (ids: readonly string[]): ReturnType<JobStore['receipts']> {
    return this.#receipts.read(this.#pool, ids)
  }

  progress (token: bigint, id: string, progress: string): Promise<boolean> {
    return this.#receipts.progress(this.#pool, token, id, progress)
  }

  async cancel (id: string): ReturnType<JobStore['cancel']> {
    return await transaction(this.#pool, async (tx) => {
      const found = await this.#opened.queue.find(tx, id)
      if (found === undefined) return (await this.#receipts.read(tx, [id])).length === 0 ? 'unknown' : 'done'
      if (!found.isActive) {
        await this.#opened.leases.end(tx, found.tier, [{ id, state: 'cancelled' }])
        return 'cancelled'
      }
      await tx.query(
        `UPDATE ${this.#tables.lease} SET cancelling = array_append(cancelling, $1::uuid)
        WHERE $1::uuid = ANY (ids) AND $1::uuid <> ALL (cancelling)`,
        [id]
      )
      await this.#receipts.change(tx, [{ id, state: 'cancelling' }])
      return 'cancelling'
    })
  }

  queued (ids: readonly string[]): Promise<ReadonlySet<string>> {
    return this.#opened.queue.queued(this.#pool, ids)
  }

  async tiers (): Promise<readonly TierState[]> {
    const { rows } = await this.#pool.query<{ tier: string; dead: number }>(
      `SELECT tier, count(*)::int AS dead FROM ${this.#letters} GROUP BY tier`
    )
    const dead = new Map(rows.map((row) => [row.tier, row.dead]))
    const states = new Map((await this.#opened.queue.tiers(this.#pool)).map((state) => [state.tier, state]))
    const none = { depth: 0, later: 0, running: 0, oldestMs: 0 }
    return [...new Set([...states.keys(), ...dead.keys()])].toSorted().map((tier) => ({
      ...none,
      ...states.get(tier),
      tier,
      depthIsExact: true,
      held: 0,
      dead: dead.get(tier) ?? 0,
    }))
  }

  async close (): Promise<void> {
    const own = this.#own
    this.#own = undefined
    await own?.stop({ graceful: false })
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    await this.close()
  }
}

function insertOf (job: NewJob & RedrivenJob): BossInsert {
  const { name, tenant, weight, priority, payload, expiresAtMs, attempts, unique, tracked, context } = job
  const { attempt = 0 } = job
  const kept = { name, tenant, weight, priority, payload, expiresAtMs, attempts, unique, tracked, context }
  return { id: job.id, data: { ...kept, attempt }, atMs: job.runAtMs }
}

function claimedOf ({ id, data, createdOn, startAfter, startedOn }: BossJob, tier: string): ClaimedJob {
  const { attempt, enqueuedAtMs, ...job } = data
  return {
    ...job,
    id,
    tier,
    attempt: attempt + 1,
    enqueuedAtMs: enqueuedAtMs ?? createdOn.getTime(),
    waitedMs: Math.max(0, startedOn.getTime() - startAfter.getTime()),
  }
}

/** By the clock of pg-boss, which has just started it. */
function isLate ({ data: { expiresAtMs }, startedOn }: BossJob): boolean {
  return expiresAtMs !== undefined && expiresAtMs <= startedOn.getTime()
}
