import assert from 'node:assert/strict'
import type { ClaimedBatch, JobOutcome } from './job-store.ts'
import {
  claimed,
  done,
  empty,
  enqueued,
  failure,
  lapsed,
  newJob,
  newJobs,
  someTier,
  type StoreTest,
  tenantsOf,
  tierOf,
} from './store-under-test.fixture.ts'

/** What a store promises of caps. */
export function testCaps (storeTest: StoreTest): void {
  storeTest(
    'of a capped tenant no more jobs than its cap run at once, over two processes; others do not wait for it',
    async (under) => {
      const tier = someTier()
      await enqueued(under, [
        ...newJobs(10, tier, { tenant: 'A', cap: 2 }),
        ...newJobs(3, tier, { tenant: 'b' }),
      ])
      await Promise.all([under.store.upkeep(), under.other.upkeep(), under.store.upkeep()])
      const claims = await Promise.all([claimed(under.store, tier, 4), claimed(under.other, tier, 4)])
      assert.equal(tenantsOf(claims.flatMap(({ jobs }) => jobs)).split('').toSorted().join(''), 'AAbbb')
      await Promise.all([under.store.upkeep(), under.other.upkeep()])
      assert.equal(await under.store.claim({ tier, limit: 10, leaseMs: 60_000 }), undefined)
      assert.deepEqual(await tierOf(under.store, tier), { ...empty, running: 5, held: 8 })
    },
    'caps'
  )

  storeTest('however a job of a capped tenant ends, its place goes to the next', async (under) => {
    const tier = someTier()
    await enqueued(under, newJobs(8, tier, { tenant: 'a', cap: 1, attempts: 1 }))
    const next = async (): Promise<ClaimedBatch> => {
      await under.store.upkeep()
      const batch = await claimed(under.store, tier)
      assert.equal(batch.jobs.length, 1)
      return batch
    }
    const ends: readonly ((id: string) => JobOutcome)[] = [
      (id) => ({ id, kind: 'done' }),
      (id) => ({ id, kind: 'dead', error: failure }),
      (id) => ({ id, kind: 'cancelled' }),
      (id) => ({ id, kind: 'snooze', atMs: Date.now() + 60_000 }),
      (id) => ({ id, kind: 'retry', atMs: Date.now() + 60_000, error: failure }),
    ]
    for (const end of ends) {
      const { token, jobs: [job] } = await next()
      await under.store.settle(token, [end(job!.id)])
    }
    await under.store.upkeep()
    await lapsed(under, tier)
    const { token } = await next()
    await under.store.giveBack(token)
    const { token: again, jobs } = await next()
    await under.store.settle(again, done(jobs))
    const { jobs: [last] } = await next()
    assert.ok(last !== undefined)
    assert.deepEqual(await tierOf(under.store, tier), { ...empty, running: 1, later: 2, dead: 2 })
  }, 'caps')

  storeTest(
    'a retry of a capped tenant has to come in again, and a cancelled one leaves its place',
    async (under) => {
      const tier = someTier()
      const jobs = await enqueued(under, newJobs(3, tier, { tenant: 'a', cap: 1 }))
      await under.store.upkeep()
      assert.equal(await under.store.cancel(jobs[0]!.id), 'cancelled')
      await under.store.upkeep()
      const first = await claimed(under.store, tier)
      await under.store.settle(first.token, [{
        id: first.jobs[0]!.id,
        kind: 'retry',
        atMs: 0,
        error: failure,
      }])
      await under.store.upkeep()
      assert.equal((await claimed(under.store, tier)).jobs.length, 1)
      await under.store.upkeep()
      assert.deepEqual(await tierOf(under.store, tier), { ...empty, running: 1, held: 1 })
    },
    'caps'
  )

  storeTest("the cap that counts is that of the tenant's next job", async (under) => {
    const tier = someTier()
    await enqueued(under, [
      ...newJobs(1, tier, { tenant: 'a', cap: 1 }),
      ...newJobs(4, tier, { tenant: 'a', cap: 3 }),
    ])
    await under.store.upkeep()
    assert.equal((await tierOf(under.store, tier)).depth, 1)
    await under.store.upkeep()
    assert.equal((await tierOf(under.store, tier)).depth, 3)
    await enqueued(under, [newJob(tier)])
    assert.equal((await tierOf(under.store, tier)).depth, 4)
  }, 'caps')
}
