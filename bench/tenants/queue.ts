import pg from 'pg'
import { uuidv7 } from '../../src/kernel/index.ts'
import { type JobStore, type NewJob, postgresJobStore } from '../../src/work/jobs/store/index.ts'

/** Two stores on one database, as two processes have them. */
export interface Queue extends AsyncDisposable {
  readonly pool: pg.Pool
  readonly one: JobStore
  readonly other: JobStore
}

export const tier = 'within-1m'
export const leaseMs = 60_000

export async function openQueue (url: string): Promise<Queue> {
  const pool = new pg.Pool({ connectionString: url, max: 8 })
  pool.on('error', () => {})
  const [one, other] = [postgresJobStore({ pool }), postgresJobStore({ pool })]
  await one.prepare()
  await other.prepare()
  return {
    pool,
    one,
    other,
    async [Symbol.asyncDispose] () {
      await Promise.all([one.close(), other.close()])
      await pool.end()
    },
  }
}

/** Enqueues `count` jobs of a tenant, 1,000 at a time. */
export async function enqueue (
  { pool }: Queue,
  store: JobStore,
  tenant: string,
  count: number,
  more: Partial<NewJob> = {}
): Promise<void> {
  const context = {}
  for (let left = count; left > 0; left -= 1_000) {
    const jobs = Array.from({ length: Math.min(left, 1_000) }, (): NewJob => ({
      id: uuidv7(),
      name: 'tiny',
      tier,
      tenant,
      weight: 1,
      priority: 0,
      payload: '{"n":1}',
      attempts: 3,
      tracked: false,
      context,
      ...more,
    }))
    await store.enqueue(pool, jobs)
  }
}

/** Claims and settles a batch; answers the tenants in their order, and how long the claim took. */
export async function take (
  store: JobStore,
  limit: number
): Promise<{ tenants: readonly string[]; ms: number }> {
  const startedMs = performance.now()
  const batch = await store.claim({ tier, limit, leaseMs })
  const ms = performance.now() - startedMs
  if (batch === undefined) return { tenants: [], ms }
  await store.settle(batch.token, batch.jobs.map(({ id }) => ({ id, kind: 'done' })))
  return { tenants: batch.jobs.map(({ tenant }) => tenant), ms }
}
