import type { Pool } from 'pg'
import type { PgBoss } from 'pg-boss'
import { type Transaction, transaction } from '../../../data/index.ts'
import { deadTables, lapsedFailure, prepareDeadTables, type RedrivenJob } from '../failure/index.ts'
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
import { bury, type Dying } from './boss-letters.ts'
import { type BossData, type BossInsert, type BossJob, BossQueue, startBoss } from './boss-queue.ts'
import { BossReceipts, type ReceiptChange } from './boss-receipts.ts'
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
  /** How long receipts are kept after the end of their job, in milliseconds. @default 7 days */
  readonly receiptMs?: number | undefined
  /** Hears of what fails in the background, when `boss` is not yours. */
  readonly onError?: ((error: unknown) => void) | undefined
}

/** A store that says what it cannot do. */
export interface PgBossJobStore extends JobStore {
  readonly lacks: readonly PgBossLack[]
}

interface LeaseRow {
  readonly token: string
  readonly tier: string
  readonly ids: readonly string[]
}

/** Leases that one round of upkeep takes back at most. */
const upkeepLimit = 50

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
  #queue: BossQueue | undefined
  #own: PgBoss | undefined

  constructor (options: PgBossJobStoreOptions) {
    const { pool, schema } = options
    this.#options = options
    this.#pool = pool
    this.#tables = bossTables(schema)
    this.#letters = deadTables(schema).letters
    this.#keys = new BossKeys(this.#tables)
    this.#receipts = new BossReceipts(this.#tables)
  }

  async prepare (): Promise<void> {
    const { boss, bossSchema = 'pgboss', schema, onError = () => {} } = this.#options
    await prepareBossTables(this.#pool, schema)
    await prepareDeadTables(this.#pool, schema)
    if (this.#queue !== undefined) return
    if (boss === undefined) this.#own = await startBoss(this.#pool, bossSchema, onError)
    this.#queue = new BossQueue(boss ?? this.#own!, bossSchema)
  }

  get #bossQueue (): BossQueue {
    if (this.#queue === undefined) throw new Error('the pg-boss store is used before prepare()')
    return this.#queue
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
      await this.#bossQueue.insert(tx, tier, each.map(insertOf))
    await this.#receipts.open(tx, kept)
    return results
  }

  async claim ({ tier, limit, leaseMs }: ClaimRequest): Promise<ClaimedBatch | undefined> {
    await this.#bossQueue.open(tier)
    return await transaction(this.#pool, async (tx) => {
      for (;;) {
        const found = await this.#bossQueue.fetch(tx, tier, limit)
        if (found.length === 0) return undefined
        const nowMs = found[0]!.startedOn.getTime()
        const isLate = ({ data: { expiresAtMs } }: BossJob): boolean =>
          expiresAtMs !== undefined && expiresAtMs <= nowMs
        const late = found.filter(isLate)
        await this.#end(tx, tier, late.map(({ id }) => ({ id, state: 'expired' })))
        const jobs = found.filter((job) => !isLate(job)).map((job) => claimedOf(job, tier))
        if (jobs.length === 0) continue
        const { rows: [row] } = await tx.query<{ token: string }>(
          `INSERT INTO ${this.#tables.lease} (tier, lease_until, ids)
          VALUES ($1, clock_timestamp() + $2::float8 * interval '1 ms', $3::uuid[]) RETURNING token`,
          [tier, leaseMs, jobs.map(({ id }) => id)]
        )
        const tracked = jobs.filter((job) => job.tracked)
        await this.#receipts.change(tx, tracked.map(({ id, attempt }) => ({ id, state: 'running', attempt })))
        return { token: BigInt(row!.token), jobs }
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

  async settle (token: bigint, outcomes: readonly JobOutcome[]): Promise<readonly string[]> {
    return await transaction(this.#pool, (tx) => this.#settle(tx, token, outcomes))
  }

  async settleIn (tx: Transaction, token: bigint, outcome: JobOutcome): Promise<boolean> {
    return (await this.#settle(tx, token, [outcome])).length === 0
  }

  async #settle (
    tx: Transaction,
    token: bigint,
    outcomes: readonly JobOutcome[]
  ): Promise<readonly string[]> {
    const held = await this.#hold(tx, token)
    const mine = outcomes.filter(({ id }) => held?.ids.includes(id) === true)
    const lost = outcomes.filter(({ id }) => held?.ids.includes(id) !== true).map(({ id }) => id)
    if (held === undefined || mine.length === 0) return lost
    const { tier } = held
    const back = mine.filter(({ kind }) => kind === 'retry' || kind === 'snooze' || kind === 'dead')
    const jobs = new Map(
      (await this.#bossQueue.read(tx, tier, back.map(({ id }) => id))).map((job) => [job.id, job])
    )
    const inserts: BossInsert[] = []
    const dying: Dying[] = []
    const changes: ReceiptChange[] = []
    for (const outcome of mine) {
      const job = jobs.get(outcome.id)
      if (outcome.kind === 'retry' || outcome.kind === 'snooze') {
        if (job === undefined) continue
        const attempt = job.attempt + (outcome.kind === 'retry' ? 1 : 0)
        inserts.push(backInto({ ...job, attempt }, outcome.atMs))
        const error = outcome.kind === 'retry' ? outcome.error : undefined
        changes.push({ id: outcome.id, state: 'waiting', error })
      } else if (outcome.kind === 'dead') {
        if (job !== undefined) dying.push({ job, tier, attempt: job.attempt + 1, error: outcome.error })
      }
    }
    const doneIds = mine.filter(({ kind }) => kind === 'done').map(({ id }) => id)
    await this.#bossQueue.complete(tx, tier, doneIds)
    await this.#keys.free(tx, doneIds)
    await this.#bossQueue.remove(tx, tier, inserts.map(({ id }) => id))
    if (inserts.length > 0) await this.#bossQueue.insert(tx, tier, inserts)
    await bury(tx, this.#letters, dying)
    await this.#end(tx, tier, mine.flatMap(endOf))
    await this.#receipts.change(tx, [...changes, ...mine.flatMap(doneOf)])
    await this.#release(tx, token, held.ids.filter((id) => mine.every((outcome) => outcome.id !== id)))
    return lost
  }

  async giveBack (token: bigint, ids?: readonly string[]): Promise<void> {
    await transaction(this.#pool, async (tx) => {
      const held = await this.#hold(tx, token)
      if (held === undefined) return
      const back = ids === undefined ? held.ids : held.ids.filter((id) => ids.includes(id))
      await this.#putBack(tx, held.tier, back, 0)
      await this.#release(tx, token, held.ids.filter((id) => !back.includes(id)))
    })
  }

  async upkeep (): Promise<Upkeep> {
    return await transaction(this.#pool, async (tx) => {
      const { rows } = await tx.query<LeaseRow>(
        `SELECT token, tier, ids FROM ${this.#tables.lease} WHERE lease_until <= clock_timestamp()
        ORDER BY lease_until LIMIT ${upkeepLimit} FOR UPDATE SKIP LOCKED`
      )
      let [recovered, died] = [0, 0]
      for (const { token, tier, ids } of rows) {
        const jobs = await this.#bossQueue.read(tx, tier, ids)
        const dying = jobs.filter(({ attempt, attempts }) => attempt + 1 >= attempts)
          .map((job): Dying => ({
            job,
            tier,
            attempt: job.attempt + 1,
            error: lapsedFailure(job.attempt + 1),
          }))
        await bury(tx, this.#letters, dying)
        await this.#end(tx, tier, dying.map(({ job: { id }, error }) => ({ id, state: 'dead', error })))
        const back = jobs.filter(({ attempt, attempts }) => attempt + 1 < attempts).map(({ id }) => id)
        await this.#putBack(tx, tier, back, 1)
        await this.#release(tx, BigInt(token), [])
        recovered += back.length
        died += dying.length
      }
      await this.#keys.sweep(tx)
      await this.#receipts.sweep(tx, this.#options.receiptMs ?? 7 * 86_400_000)
      return { recovered, died, promoted: 0, admitted: 0, more: rows.length === upkeepLimit }
    })
  }

  receipt (id: string): ReturnType<JobStore['receipt']> {
    return this.#receipts.read(this.#pool, id)
  }

  progress (token: bigint, id: string, progress: string): Promise<boolean> {
    return this.#receipts.progress(this.#pool, token, id, progress)
  }

  async cancel (id: string): ReturnType<JobStore['cancel']> {
    return await transaction(this.#pool, async (tx) => {
      const found = await this.#bossQueue.find(tx, id)
      if (found === undefined) return await this.#receipts.read(tx, id) === undefined ? 'unknown' : 'done'
      if (!found.isActive) {
        await this.#end(tx, found.tier, [{ id, state: 'cancelled' }])
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
    return this.#bossQueue.queued(this.#pool, ids)
  }

  async tiers (): Promise<readonly TierState[]> {
    const { rows } = await this.#pool.query<{ tier: string; dead: number }>(
      `SELECT tier, count(*)::int AS dead FROM ${this.#letters} GROUP BY tier`
    )
    const dead = new Map(rows.map((row) => [row.tier, row.dead]))
    const states = new Map((await this.#bossQueue.tiers(this.#pool)).map((state) => [state.tier, state]))
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

  /** Locks a lease until the end of the transaction. */
  async #hold (tx: Transaction, token: bigint): Promise<LeaseRow | undefined> {
    const { rows: [row] } = await tx.query<LeaseRow>(
      `SELECT token, tier, ids FROM ${this.#tables.lease} WHERE token = $1 FOR UPDATE`,
      [token]
    )
    return row
  }

  /** What is left of a lease that is held. */
  async #release (tx: Transaction, token: bigint, ids: readonly string[]): Promise<void> {
    const { lease } = this.#tables
    if (ids.length === 0) await tx.query(`DELETE FROM ${lease} WHERE token = $1`, [token])
    else await tx.query(`UPDATE ${lease} SET ids = $2::uuid[] WHERE token = $1`, [token, ids])
  }

  /** pg-boss has no way back that keeps the count of attempts: out and in again, in one transaction. */
  async #putBack (tx: Transaction, tier: string, ids: readonly string[], runs: 0 | 1): Promise<void> {
    if (ids.length === 0) return
    const jobs = await this.#bossQueue.read(tx, tier, ids)
    await this.#bossQueue.remove(tx, tier, ids)
    const inserts = jobs.map((job) => backInto({ ...job, attempt: job.attempt + runs }, undefined))
    await this.#bossQueue.insert(tx, tier, inserts)
    await this.#receipts.change(
      tx,
      jobs.filter(({ tracked }) => tracked).map(({ id }) => ({ id, state: 'waiting' }))
    )
  }

  /** Jobs that end otherwise than done leave pg-boss, so that their ids are free for a redrive. */
  async #end (tx: Transaction, tier: string, ends: readonly ReceiptChange[]): Promise<void> {
    const ids = ends.map(({ id }) => id)
    await this.#bossQueue.remove(tx, tier, ids)
    await this.#keys.free(tx, ids)
    await this.#receipts.change(tx, ends)
  }
}

function insertOf (job: NewJob & RedrivenJob): BossInsert {
  const { name, tenant, weight, priority, payload, expiresAtMs, attempts, unique, tracked, context } = job
  const { attempt = 0 } = job
  const kept = { name, tenant, weight, priority, payload, expiresAtMs, attempts, unique, tracked, context }
  return { id: job.id, data: { ...kept, attempt }, atMs: job.runAtMs }
}

function backInto (job: BossData & { readonly id: string }, atMs: number | undefined): BossInsert {
  const { id, ...data } = job
  return { id, data, atMs }
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

function endOf (outcome: JobOutcome): readonly ReceiptChange[] {
  const { id, kind } = outcome
  if (kind === 'dead') return [{ id, state: 'dead', error: outcome.error }]
  return kind === 'cancelled' || kind === 'expired' ? [{ id, state: kind }] : []
}

function doneOf (outcome: JobOutcome): readonly ReceiptChange[] {
  return outcome.kind === 'done' ? [{ id: outcome.id, state: 'done', result: outcome.result }] : []
}
