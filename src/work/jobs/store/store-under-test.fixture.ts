import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Pool } from 'pg'
import { waitUntil } from '../../../engines/wait-until.fixture.ts'
import { uuidv7 } from '../../../kernel/index.ts'
import type {
  ClaimedBatch,
  ClaimedJob,
  JobFailure,
  JobOutcome,
  JobStore,
  NewJob,
  TierState,
} from './job-store.ts'

/** A store, twice as if in two processes, and the database in which callers write. */
export interface JobStoreUnderTest extends AsyncDisposable {
  readonly store: JobStore
  readonly other: JobStore
  readonly pool: Pool
}

/** What a store may leave out; its tests are reported as skipped, by name. */
export type JobStoreLack = 'fairness' | 'caps' | 'names' | 'partial give-back' | 'priority order' | 'suspects'

/** Names a test of every store, and gives it the store. */
export type StoreTest = (
  claim: string,
  run: (under: JobStoreUnderTest, t: TestContext) => Promise<void>,
  needs?: JobStoreLack
) => void

export const failure: JobFailure = { name: 'TypeError', code: 'E_ODD', message: 'odd', fingerprint: 'f00' }

let tiers = 0

/** A tier of one test's own. */
export function someTier (): string {
  return `tier-${++tiers}`
}

export function newJob (
  tier: string,
  more: Partial<NewJob & { attempt: number }> = {}
): NewJob & { attempt?: number } {
  return {
    id: uuidv7(),
    name: 'order.charge',
    tier,
    tenant: '',
    weight: 1,
    priority: 0,
    payload: '{"orderId":"o-1"}',
    attempts: 3,
    tracked: false,
    context: {},
    ...more,
  }
}

export function newJobs (count: number, tier: string, more: Partial<NewJob> = {}): NewJob[] {
  return Array.from({ length: count }, () => newJob(tier, more))
}

/** Enqueues in a transaction of its own. */
export async function enqueued (
  under: JobStoreUnderTest,
  jobs: readonly NewJob[]
): Promise<readonly NewJob[]> {
  await under.store.enqueue(under.pool, jobs)
  return jobs
}

/** Claims, sure that there is something. */
export async function claimed (
  store: JobStore,
  tier: string,
  limit = 100,
  leaseMs = 60_000
): Promise<ClaimedBatch> {
  const batch = await store.claim({ tier, limit, leaseMs })
  assert.ok(batch !== undefined, `nothing to claim in ${tier}`)
  return batch
}

export function idsOf (jobs: readonly { readonly id: string }[]): string[] {
  return jobs.map(({ id }) => id)
}

export function done (jobs: readonly { readonly id: string }[]): JobOutcome[] {
  return jobs.map(({ id }) => ({ id, kind: 'done' }))
}

export async function settleDone (store: JobStore, { token, jobs }: ClaimedBatch): Promise<void> {
  assert.deepEqual(await store.settle(token, done(jobs)), [])
}

export type TierCounts = Omit<TierState, 'oldestMs' | 'tier' | 'front'>

export async function tierOf (store: JobStore, tier: string): Promise<TierCounts> {
  const state = (await store.tiers()).find((each) => each.tier === tier)
  const { oldestMs: _, tier: __, front: ___, ...counts } = state ??
    { depth: 0, depthIsExact: true, oldestMs: 0, tier, running: 0, later: 0, held: 0, dead: 0 }
  return counts
}

export const empty: TierCounts = {
  depth: 0,
  depthIsExact: true,
  running: 0,
  later: 0,
  held: 0,
  dead: 0,
}

/** Looks after the store until a job of the tier can be claimed, and claims. */
export async function claimedInTime (store: JobStore, tier: string, leaseMs = 60_000): Promise<ClaimedBatch> {
  let batch: ClaimedBatch | undefined
  await waitUntil(`a job of ${tier}`, async () => {
    await store.upkeep()
    batch = await store.claim({ tier, limit: 100, leaseMs })
    return batch !== undefined
  })
  return batch!
}

/** Claims, and lets the lease lapse and be found. */
export async function lapsed (under: JobStoreUnderTest, tier: string, limit = 100): Promise<ClaimedBatch> {
  const batch = await claimed(under.store, tier, limit, 1)
  let seen = 0
  await waitUntil('a lapsed lease', async () => {
    const { recovered, died } = await under.other.upkeep()
    seen += recovered + died
    return seen >= batch.jobs.length
  })
  return batch
}

export function tenantsOf (jobs: readonly ClaimedJob[]): string {
  return jobs.map(({ tenant }) => tenant).join('')
}
