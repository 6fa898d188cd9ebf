/** A producer or a worker of the queue, for tests that kill it. Run as a process; its order comes as a message. */
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { transaction } from '../../../data/index.ts'
import { seededRandom, uuidv7 } from '../../../kernel/index.ts'
import { LeaseKeeper } from '../../lease/index.ts'
import type { ClaimedJob, JobStore } from './job-store.ts'
import { postgresJobStore } from './postgres-store.ts'

export interface QueueOrder {
  readonly url: string
  readonly kind: 'producer' | 'worker'
  readonly seed: number
}

/** What a job of these tests is told. */
export interface LedgerJob {
  readonly kind: 'effect' | 'plain' | 'poison'
}

const tier = 'ledger'
/** Longer than any pause that a busy machine makes of itself: only who is stopped or killed loses it. */
const leaseMs = 1_500

process.once('message', (order) => void run(order as QueueOrder))
process.once('disconnect', () => process.exit())

async function run ({ url, kind, seed }: QueueOrder): Promise<void> {
  const pool = new pg.Pool({ connectionString: url, max: 6, connectionTimeoutMillis: 2_000 })
  pool.on('error', () => {})
  const random = seededRandom(seed)
  const store = postgresJobStore({ pool })
  await persist(() => store.prepare())
  for (;;) await (kind === 'producer' ? produce(pool, store, random) : work(pool, store, random)).catch(pause)
}

async function persist<Result> (step: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await step()
    } catch {
      await wait(20)
    }
  }
}

/** The database is away, or something was lost with it. */
async function pause (): Promise<void> {
  await wait(20)
}

/** Writes jobs, and beside them that they were written. */
async function produce (pool: pg.Pool, store: JobStore, random: () => number): Promise<void> {
  const count = random() < 0.3 ? 12 : 1
  const jobs = Array.from({ length: count }, () => ({
    id: uuidv7(),
    name: 'ledger',
    tier,
    tenant: `t${Math.floor(random() * 3)}`,
    weight: 1,
    priority: 0,
    payload: JSON.stringify({ kind: random() < 0.5 ? 'effect' : 'plain' } satisfies LedgerJob),
    attempts: 1_000,
    tracked: random() < 0.1,
    ...(random() < 0.2 ? { runAtMs: Date.now() + 30 } : {}),
    ...(random() < 0.1 ? { unique: { key: `k${Math.floor(random() * 4)}` } } : {}),
    ...(random() < 0.1 ? { cap: 2 } : {}),
    context: {},
  }))
  await transaction(pool, async (tx) => {
    const results = await store.enqueue(tx, jobs)
    const kept = jobs.filter((_, index) => results[index]?.duplicateOf === undefined)
    await tx.query('INSERT INTO wanted SELECT unnest($1::uuid[]), unnest($2::text[])', [
      kept.map(({ id }) => id),
      kept.map(({ payload }) => (JSON.parse(payload) as LedgerJob).kind),
    ])
    if (random() < 0.05) throw new Error('second thoughts')
  })
  await wait(random() * 10)
}

async function work (pool: pg.Pool, store: JobStore, random: () => number): Promise<void> {
  const keeper = new LeaseKeeper({
    renew: async (tokens) => (await store.renew(tokens, leaseMs)).lost,
    leaseMs,
  })
  for (;;) {
    await store.upkeep()
    const sentMs = performance.now()
    const batch = await store.claim({ tier, limit: 10, leaseMs })
    if (batch === undefined) {
      await wait(10)
      continue
    }
    const { token, jobs } = batch
    const { signal } = keeper.keep(token, sentMs, tier)
    const ends = await Promise.allSettled(jobs.map((job) => runJob(pool, store, token, job, signal, random)))
    // What failed comes back when its lease has lapsed.
    keeper.drop(token)
    if (ends.some(({ status }) => status === 'rejected')) await wait(20)
  }
}

async function runJob (
  pool: pg.Pool,
  store: JobStore,
  token: bigint,
  job: ClaimedJob,
  signal: AbortSignal,
  random: () => number
): Promise<void> {
  const { id } = job
  if (random() < 0.05) return await store.giveBack(token, [id])
  const { kind } = JSON.parse(job.payload) as LedgerJob
  const run = uuidv7()
  const values = [run, id, process.pid, Date.now(), kind]
  let endedMs = 0
  try {
    await pool.query('INSERT INTO run (run, job, pid, started_ms, kind) VALUES ($1, $2, $3, $4, $5)', values)
    await wait(random() * 15, undefined, { signal })
    signal.throwIfAborted()
    if (kind === 'poison') process.kill(process.pid, 'SIGKILL')
    if (random() < 0.1) {
      const error = { name: 'Error', message: 'not this time', fingerprint: 'f' }
      endedMs = Date.now()
      await store.settle(token, [{ id, kind: 'retry', atMs: Date.now(), error }])
    } else if (kind === 'effect') {
      await transaction(pool, async (tx) => {
        await tx.query('INSERT INTO effect (job) VALUES ($1)', [id])
        endedMs = Date.now()
        if (!await store.settleIn(tx, token, { id, kind: 'done' })) throw new Error('lost')
      })
    } else {
      endedMs = Date.now()
      await store.settle(token, [{ id, kind: 'done' }])
    }
  } finally {
    if (endedMs === 0) endedMs = Date.now()
    void persist(() => pool.query('UPDATE run SET ended_ms = $2 WHERE run = $1', [run, endedMs]))
  }
}
