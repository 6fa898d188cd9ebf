import assert from 'node:assert/strict'
import {
  claimed,
  enqueued,
  newJobs,
  settleDone,
  someTier,
  type StoreTest,
  tenantsOf,
} from './store-under-test.fixture.ts'

/** What a store promises of fairness between tenants. */
export function testFairness (storeTest: StoreTest): void {
  storeTest(
    'the first job of a tenant starts within two claims of its arrival, however many another has waiting',
    async (under) => {
      const tier = someTier()
      await enqueued(under, newJobs(2_000, tier, { tenant: 'A' }))
      for (let claims = 0; claims < 3; claims++)
        await settleDone(under.store, await claimed(under.store, tier, 50))
      await under.other.enqueue(under.pool, newJobs(3, tier, { tenant: 'b' }))
      const [first, second] = [await claimed(under.store, tier, 10), await claimed(under.store, tier, 10)]
      assert.match(tenantsOf([...first.jobs, ...second.jobs]), /b/)
    },
    'fairness'
  )

  storeTest('tenants with jobs waiting get shares by weight, within 5 %', async (under) => {
    const tier = someTier()
    for (const [tenant, weight] of [['a', 1], ['b', 2], ['c', 4]] as const)
      await enqueued(under, newJobs(500, tier, { tenant, weight }))
    const served = { a: 0, b: 0, c: 0 }
    for (let claims = 0; claims < 35; claims++) {
      const batch = await claimed(under.store, tier, 20)
      for (const { tenant } of batch.jobs) served[tenant as keyof typeof served]++
      await settleDone(under.store, batch)
    }
    for (const [tenant, share] of [['a', 100], ['b', 200], ['c', 400]] as const)
      assert.ok(Math.abs(served[tenant] - share) <= share * 0.05, JSON.stringify(served))
  }, 'fairness')

  storeTest('a tenant that was idle earns no credit for it', async (under) => {
    const tier = someTier()
    await enqueued(under, newJobs(1, tier, { tenant: 'b' }))
    await enqueued(under, newJobs(1_000, tier, { tenant: 'A' }))
    for (let claims = 0; claims < 5; claims++)
      await settleDone(under.store, await claimed(under.store, tier, 100))
    await enqueued(under, newJobs(200, tier, { tenant: 'b' }))
    const { jobs } = await claimed(under.store, tier, 100)
    const ofB = jobs.filter(({ tenant }) => tenant === 'b').length
    assert.ok(ofB >= 48 && ofB <= 52, String(ofB))
  }, 'fairness')

  storeTest('within one tenant the order is that of enqueueing', async (under) => {
    const tier = someTier()
    await enqueued(under, newJobs(30, tier, { tenant: 'a', weight: 0.5 }))
    await enqueued(under, newJobs(30, tier, { tenant: 'b', weight: 3 }))
    const { jobs } = await claimed(under.store, tier, 60)
    for (const tenant of ['a', 'b']) {
      const ids = jobs.filter((job) => job.tenant === tenant).map(({ id }) => id)
      assert.deepEqual(ids, ids.toSorted())
    }
  }, 'fairness')
}
