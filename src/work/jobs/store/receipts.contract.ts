import assert from 'node:assert/strict'
import { uuidv7 } from '../../../kernel/index.ts'
import {
  claimed,
  claimedInTime,
  done,
  empty,
  enqueued,
  failure,
  lapsed,
  newJob,
  newJobs,
  settleDone,
  someTier,
  type StoreTest,
  tierOf,
} from './store-under-test.fixture.ts'

/** What every store promises of receipts and cancellation. */
export function testReceipts (storeTest: StoreTest): void {
  storeTest(
    'the receipt of a tracked job follows it from waiting to done, with progress and result',
    async (under) => {
      const tier = someTier()
      const job = newJob(tier, { tracked: true, tenant: 'a' })
      assert.equal(await under.store.receipt(job.id), undefined)
      await enqueued(under, [job])
      const at = async (): Promise<unknown> => {
        const { enqueuedAtMs, changedAtMs, ...rest } = (await under.other.receipt(job.id))!
        assert.ok(enqueuedAtMs <= changedAtMs && changedAtMs <= Date.now() + 1)
        return rest
      }
      const same = { id: job.id, name: job.name, tier, tenant: 'a' }
      assert.deepEqual(await at(), { ...same, state: 'waiting', attempt: 0 })
      const first = await claimed(under.store, tier)
      assert.deepEqual(await at(), { ...same, state: 'running', attempt: 1 })
      assert.equal(await under.store.progress(first.token, job.id, '{"part":1}'), true)
      await under.store.settle(first.token, [{ id: job.id, kind: 'retry', atMs: Date.now(), error: failure }])
      assert.deepEqual(await at(), {
        ...same,
        state: 'waiting',
        attempt: 1,
        progress: '{"part":1}',
        error: failure,
      })
      const { token } = await claimedInTime(under.store, tier)
      await under.store.settle(token, [{ id: job.id, kind: 'done', result: '{"url":"x"}' }])
      assert.deepEqual(await at(), {
        ...same,
        state: 'done',
        attempt: 2,
        progress: '{"part":1}',
        result: '{"url":"x"}',
      })
      assert.equal(await under.store.cancel(job.id), 'done')
    }
  )

  storeTest('the receipts of many are read at once, each as it is alone', async (under) => {
    const jobs = newJobs(3, someTier(), { tracked: true, tenant: 'a' })
    await enqueued(under, jobs)
    const alone = await Promise.all(jobs.map(({ id }) => under.store.receipt(id)))
    const together = await under.other.receipts([uuidv7(), ...jobs.map(({ id }) => id)])
    const byId = (one: { readonly id: string }, other: { readonly id: string }): number =>
      one.id < other.id ? -1 : 1
    assert.deepEqual(together.toSorted(byId), alone.map((receipt) => receipt!).toSorted(byId))
  })

  storeTest('a job that is not tracked has no receipt, and no progress', async (under) => {
    const tier = someTier()
    const [job] = await enqueued(under, newJobs(1, tier))
    const batch = await claimed(under.store, tier)
    assert.equal(await under.store.progress(batch.token, job!.id, '1'), false)
    await settleDone(under.store, batch)
    assert.equal(await under.store.receipt(job!.id), undefined)
    assert.equal(await under.store.receipt(uuidv7()), undefined)
    assert.deepEqual(await under.store.receipts([job!.id, uuidv7()]), [])
  })

  storeTest('the receipt says why a job is dead, also where its process was lost', async (under) => {
    const tier = someTier()
    const [job, lost] = [newJob(tier, { tracked: true }), newJob(tier, { tracked: true, attempts: 1 })]
    await enqueued(under, [job])
    const { token } = await claimed(under.store, tier)
    await under.store.settle(token, [{ id: job.id, kind: 'dead', error: failure }])
    const receipt = await under.store.receipt(job.id)
    assert.deepEqual([receipt?.state, receipt?.error], ['dead', failure])
    await enqueued(under, [lost])
    await lapsed(under, tier)
    const lostReceipt = await under.store.receipt(lost.id)
    assert.equal(lostReceipt?.state, 'dead')
    assert.match(lostReceipt?.error?.message ?? '', /not heard of/)
  })

  storeTest(
    'a job that is enqueued again after its end keeps its receipt, which waits again',
    async (under) => {
      const tier = someTier()
      const job = newJob(tier, { tracked: true })
      await enqueued(under, [job])
      const { token } = await claimed(under.store, tier)
      await under.store.settle(token, [{ id: job.id, kind: 'dead', error: failure }])
      await enqueued(under, [job])
      const receipt = await under.store.receipt(job.id)
      assert.deepEqual([receipt?.state, receipt?.error], ['waiting', undefined])
      await settleDone(under.store, await claimed(under.store, tier))
      assert.equal((await under.store.receipt(job.id))?.state, 'done')
    }
  )

  for (const tracked of [true, false]) {
    const kind = tracked ? 'tracked' : 'untracked'
    storeTest(
      `cancelling ${kind} jobs that wait, now or later, ends them: nobody runs them`,
      async (under) => {
        const tier = someTier()
        const jobs = [newJob(tier, { tracked }), newJob(tier, { tracked, runAtMs: Date.now() + 60_000 })]
        await enqueued(under, jobs)
        for (const { id } of jobs) assert.equal(await under.other.cancel(id), 'cancelled')
        assert.equal(await under.store.claim({ tier, limit: 10, leaseMs: 60_000 }), undefined)
        assert.deepEqual(await tierOf(under.store, tier), empty)
        for (const { id } of jobs) {
          assert.equal((await under.store.receipt(id))?.state, tracked ? 'cancelled' : undefined)
          assert.equal(await under.store.cancel(id), tracked ? 'done' : 'unknown')
        }
      }
    )

    storeTest(
      `the holder of jobs that are ${kind} hears by a renewal whom to stop, and says when it has`,
      async (under) => {
        const tier = someTier()
        await enqueued(under, newJobs(2, tier, { tracked }))
        const { token, jobs: [first, second] } = await claimed(under.store, tier)
        assert.deepEqual(await under.store.renew([token], 60_000), { lost: [], cancelling: [] })
        assert.equal(await under.other.cancel(first!.id), 'cancelling')
        assert.deepEqual(await under.store.renew([token], 60_000), { lost: [], cancelling: [first!.id] })
        assert.equal((await under.store.receipt(first!.id))?.state, tracked ? 'cancelling' : undefined)
        await under.store.settle(token, [{ id: first!.id, kind: 'cancelled' }, ...done([second!])])
        assert.equal((await under.store.receipt(first!.id))?.state, tracked ? 'cancelled' : undefined)
        assert.deepEqual(await tierOf(under.store, tier), empty)
      }
    )
  }

  storeTest('a job that finished although it was to be cancelled is done', async (under) => {
    const tier = someTier()
    const [job] = await enqueued(under, newJobs(1, tier, { tracked: true }))
    const batch = await claimed(under.store, tier)
    await under.other.cancel(job!.id)
    await settleDone(under.store, batch)
    assert.equal((await under.store.receipt(job!.id))?.state, 'done')
  })

  storeTest('the receipt of an expired job says so', async (under) => {
    const tier = someTier()
    const [job] = await enqueued(under, [newJob(tier, { tracked: true, expiresAtMs: Date.now() - 1_000 })])
    assert.equal(await under.store.claim({ tier, limit: 10, leaseMs: 60_000 }), undefined)
    assert.equal((await under.store.receipt(job!.id))?.state, 'expired')
  })
}
