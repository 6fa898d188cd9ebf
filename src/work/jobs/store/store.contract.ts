import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { transaction } from '../../../data/index.ts'
import { uuidv7 } from '../../../kernel/index.ts'
import { testCaps } from './caps.contract.ts'
import { testFairness } from './fairness.contract.ts'
import { testLeases } from './leases.contract.ts'
import { testReceipts } from './receipts.contract.ts'
import {
  claimed,
  claimedInTime,
  done,
  empty,
  enqueued,
  failure,
  idsOf,
  type JobStoreLack,
  type JobStoreUnderTest,
  newJob,
  newJobs,
  settleDone,
  someTier,
  type StoreTest,
  tierOf,
} from './store-under-test.fixture.ts'
import { testUniqueKeys } from './unique.contract.ts'

export type { JobStoreLack, JobStoreUnderTest } from './store-under-test.fixture.ts'

/**
 * What every store of jobs promises.
 *
 * @param lacks what this one does not; the tests of that are skipped by name
 */
export function testJobStore (
  name: string,
  open: () => Promise<JobStoreUnderTest>,
  { lacks = [] }: { readonly lacks?: readonly JobStoreLack[] } = {}
): void {
  let opening: Promise<JobStoreUnderTest> | undefined
  after(async () => await (await opening)?.[Symbol.asyncDispose]())
  const storeTest: StoreTest = (claim, run, needs) => {
    const skip = needs !== undefined && lacks.includes(needs) ? `${name} does not promise ${needs}` : false
    test(`${name}: ${claim}`, { skip }, async (t) => await run(await (opening ??= open()), t))
  }
  testQueue(storeTest)
  testLeases(storeTest)
  testUniqueKeys(storeTest)
  testReceipts(storeTest)
  testCaps(storeTest)
  testFairness(storeTest)
}

function testQueue (storeTest: StoreTest): void {
  storeTest(
    'a job is there if and only if the transaction that enqueued it commits',
    async ({ store, pool }) => {
      const tier = someTier()
      const failing = transaction(pool, async (tx) => {
        await store.enqueue(tx, newJobs(3, tier))
        throw new Error('second thoughts')
      })
      await assert.rejects(failing, /second thoughts/)
      assert.equal(await store.claim({ tier, limit: 10, leaseMs: 60_000 }), undefined)
      const job = newJob(tier)
      assert.deepEqual(await transaction(pool, (tx) => store.enqueue(tx, [job])), [{ id: job.id }])
      assert.deepEqual(idsOf((await claimed(store, tier)).jobs), [job.id])
    }
  )

  storeTest('a job comes back as it was enqueued, its payload byte for byte', async (under) => {
    const tier = someTier()
    const expiresAtMs = Date.now() + 60_000
    const job = newJob(tier, {
      tenant: 'Ä "b"\\\u001e\t',
      weight: 2.5,
      priority: 7,
      payload: ' {"big": 12345678901234567890, "text": "\\u0000 \\"\u{1f600}", "list": [1,\n2]} ',
      expiresAtMs,
      attempts: 4,
      context: { traceparent: '00-11111111111111111111111111111111-2222222222222222-01', tenant: 'Ä' },
    })
    const beforeMs = Date.now()
    await enqueued(under, [job])
    const { jobs: [got] } = await claimed(under.other, tier)
    assert.ok(got !== undefined)
    const { attempt, enqueuedAtMs, waitedMs, ...same } = got
    assert.deepEqual(JSON.parse(JSON.stringify(same)), JSON.parse(JSON.stringify(job)))
    assert.equal(same.payload, job.payload)
    assert.equal(attempt, 1)
    // The clocks of this process and of the server are those of one machine.
    assert.ok(enqueuedAtMs >= beforeMs - 1 && enqueuedAtMs <= Date.now() + 1, String(enqueuedAtMs))
    assert.ok(waitedMs >= 0 && waitedMs <= Date.now() - beforeMs + 1, String(waitedMs))
  })

  storeTest('many jobs of one kind, and many of all kinds, are written by one call each', async (under) => {
    const [alike, mixed] = [someTier(), someTier()]
    const jobs = await enqueued(under, newJobs(100, alike))
    assert.deepEqual(idsOf((await claimed(under.store, alike)).jobs), idsOf(jobs))
    const others = [
      newJob(mixed),
      newJob(mixed, { name: 'order.ship', tenant: 'a', payload: '1' }),
      newJob(mixed, { weight: 3, tracked: true }),
      newJob(mixed, { runAtMs: Date.now() + 60_000 }),
    ]
    await enqueued(under, others)
    const { jobs: got } = await claimed(under.store, mixed)
    assert.deepEqual(new Set(idsOf(got)), new Set(idsOf(others.slice(0, 3))))
    assert.deepEqual(await tierOf(under.store, mixed), { ...empty, running: 3, later: 1 })
    await under.store.enqueue(under.pool, [])
  })

  storeTest(
    'of many claims at once, in two processes, each gets jobs of its own, and all are got',
    async (under) => {
      const tier = someTier()
      const jobs = await enqueued(under, newJobs(200, tier))
      const stores = [under.store, under.other]
      const got: string[] = []
      await Promise.all(Array.from({ length: 8 }, async (_, index) => {
        for (;;) {
          const batch = await stores[index % 2]!.claim({ tier, limit: 7, leaseMs: 60_000 })
          if (batch === undefined) return
          assert.ok(batch.jobs.length >= 1 && batch.jobs.length <= 7)
          got.push(...idsOf(batch.jobs))
        }
      }))
      assert.deepEqual(got.toSorted(), idsOf(jobs).toSorted())
    }
  )

  storeTest('a claim takes jobs of its tier alone', async (under) => {
    const [mine, other] = [someTier(), someTier()]
    await enqueued(under, [newJob(mine), newJob(other)])
    assert.equal((await claimed(under.store, mine)).jobs.length, 1)
    assert.equal(await under.store.claim({ tier: mine, limit: 10, leaseMs: 60_000 }), undefined)
    await settleDone(under.store, await claimed(under.store, other))
  })

  storeTest('a claim by names passes others over, and leaves them', async ({ store, pool }) => {
    const tier = someTier()
    await store.enqueue(pool, [newJob(tier, { name: 'new' }), newJob(tier, { name: 'known' })])
    const batch = await store.claim({ tier, names: ['known', 'also'], limit: 10, leaseMs: 60_000 })
    assert.deepEqual(batch?.jobs.map(({ name }) => name), ['known'])
    assert.equal((await tierOf(store, tier)).depth, 1)
  }, 'names')

  storeTest('higher priorities come first, and within one the order is that of enqueueing', async (under) => {
    const tier = someTier()
    const jobs = await enqueued(under, [-8, 0, 7, 0, 7].map((priority) => newJob(tier, { priority })))
    const order = [2, 4, 1, 3, 0].map((index) => jobs[index]!.id)
    assert.deepEqual(idsOf((await claimed(under.store, tier)).jobs), order)
  }, 'priority order')

  storeTest('what is done is gone, and a batch may be settled in parts', async (under) => {
    const tier = someTier()
    await enqueued(under, newJobs(5, tier))
    const { token, jobs } = await claimed(under.store, tier)
    assert.deepEqual(await under.store.settle(token, done(jobs.slice(0, 2))), [])
    assert.deepEqual(await tierOf(under.store, tier), { ...empty, running: 3 })
    const parts = [jobs.slice(2, 4), jobs.slice(4)].map((part) => under.store.settle(token, done(part)))
    assert.deepEqual(await Promise.all(parts), [[], []])
    assert.deepEqual(await tierOf(under.store, tier), empty)
    assert.deepEqual(await under.store.settle(token, done(jobs)), idsOf(jobs))
  })

  storeTest(
    'a retry runs again when it is due, as the next attempt; a snooze as the same one',
    async (under) => {
      const tier = someTier()
      const [job] = await enqueued(under, newJobs(1, tier, { tenant: 'a', payload: '{"a":1}' }))
      const first = await claimed(under.store, tier)
      const id = job!.id
      const soon: number = Date.now() + 400
      assert.deepEqual(
        await under.store.settle(first.token, [{ id, kind: 'retry', atMs: soon, error: failure }]),
        []
      )
      assert.deepEqual(await tierOf(under.store, tier), { ...empty, later: 1 })
      const second = await claimedInTime(under.store, tier)
      assert.ok(Date.now() >= soon - 1)
      const { enqueuedAtMs, waitedMs: _, ...rest } = second.jobs[0]!
      const { enqueuedAtMs: firstMs, waitedMs: __, ...before } = first.jobs[0]!
      assert.deepEqual(rest, { ...before, attempt: 2 })
      assert.equal(enqueuedAtMs, firstMs)
      await under.store.settle(second.token, [{ id, kind: 'snooze', atMs: Date.now() }])
      const third = await claimedInTime(under.store, tier)
      assert.equal(third.jobs[0]?.attempt, 2)
      await settleDone(under.store, third)
    }
  )

  storeTest('a delayed job waits until it is due, to the time that it was given', async (under) => {
    const tier = someTier()
    const runAtMs = Date.now() + 400
    await enqueued(under, [newJob(tier, { runAtMs })])
    assert.equal(await under.store.claim({ tier, limit: 1, leaseMs: 60_000 }), undefined)
    const { jobs: [job] } = await claimedInTime(under.other, tier)
    assert.ok(Date.now() >= runAtMs - 1)
    assert.ok(job!.waitedMs <= Date.now() - runAtMs + 2)
  })

  storeTest('a job that has expired is not handed out, and the batch has the others', async (under) => {
    const tier = someTier()
    const [late, good] = [newJob(tier, { expiresAtMs: Date.now() - 1_000 }), newJob(tier)]
    await enqueued(under, [late, good])
    const batch = await claimed(under.store, tier)
    assert.deepEqual(idsOf(batch.jobs), [good.id])
    await settleDone(under.store, batch)
    await enqueued(under, [newJob(tier, { expiresAtMs: Date.now() - 1_000 })])
    assert.equal(await under.store.claim({ tier, limit: 10, leaseMs: 60_000 }), undefined)
    assert.deepEqual(await tierOf(under.store, tier), empty)
  })

  storeTest('a dead job is laid by', async (under) => {
    const tier = someTier()
    await enqueued(under, newJobs(2, tier))
    const { token, jobs: [first, second] } = await claimed(under.store, tier)
    await under.store.settle(token, [{ id: first!.id, kind: 'dead', error: failure }, ...done([second!])])
    assert.deepEqual(await tierOf(under.store, tier), { ...empty, dead: 1 })
  })

  storeTest(
    'it says of ids whether they are in the queue still: waiting, later, or running',
    async (under) => {
      const tier = someTier()
      const jobs = [...newJobs(3, tier), newJob(tier, { runAtMs: Date.now() + 60_000 })]
      await enqueued(under, jobs)
      const { token, jobs: [first, second] } = await claimed(under.store, tier, 2)
      await under.store.settle(token, done([first!]))
      const asked = [...idsOf(jobs), uuidv7()]
      const queued = await under.store.queued(asked)
      const expected = idsOf(jobs).filter((id) => id !== first!.id)
      assert.deepEqual([...queued].toSorted(), expected.toSorted())
      assert.ok(queued.has(second!.id))
    }
  )

  storeTest('a job that is enqueued again counts the runs that it has had', async (under) => {
    const tier = someTier()
    await enqueued(under, [newJob(tier, { attempt: 2 })])
    const { jobs: [job] } = await claimed(under.store, tier)
    assert.equal(job?.attempt, 3)
  })

  storeTest('the oldest job of a tier is seen, whichever tenant and priority it has', async (under) => {
    const tier = someTier()
    await enqueued(under, newJobs(20, tier, { tenant: 'a' }))
    const state = async (): Promise<number> =>
      (await under.store.tiers()).find((each) => each.tier === tier)?.oldestMs ?? 0
    const first = await state()
    assert.ok(first >= 0)
    await enqueued(under, [newJob(tier, { tenant: 'b', priority: 3 })])
    assert.ok(await state() >= first)
  })
}
