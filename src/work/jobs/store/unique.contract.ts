import assert from 'node:assert/strict'
import { transaction } from '../../../data/index.ts'
import type { JobOutcome } from './job-store.ts'
import {
  claimed,
  enqueued,
  failure,
  newJob,
  settleDone,
  someTier,
  type StoreTest,
  tierOf,
} from './store-under-test.fixture.ts'

/** What every store promises of unique keys. */
export function testUniqueKeys (storeTest: StoreTest): void {
  storeTest(
    'of jobs with one key only the first is kept, within a call and over calls; names do not share keys',
    async (under) => {
      const [tier, unique] = [someTier(), { key: someTier() }]
      const [first, second] = [newJob(tier, { unique }), newJob(tier, { unique })]
      assert.deepEqual(await under.store.enqueue(under.pool, [first, second]), [
        { id: first.id },
        { id: second.id, duplicateOf: first.id },
      ])
      const [third, other, plain] = [
        newJob(tier, { unique }),
        newJob(tier, { unique, name: 'x' }),
        newJob(tier),
      ]
      assert.deepEqual(await under.other.enqueue(under.pool, [third, other, plain]), [
        { id: third.id, duplicateOf: first.id },
        { id: other.id },
        { id: plain.id },
      ])
      assert.equal((await tierOf(under.store, tier)).depth, 3)
    }
  )

  storeTest('a key is free again when its job is done, dead or cancelled, and not before', async (under) => {
    const [tier, unique] = [someTier(), { key: someTier() }]
    const isFree = async (): Promise<boolean> => {
      const [result] = await under.store.enqueue(under.pool, [newJob(tier, { unique })])
      return result?.duplicateOf === undefined
    }
    assert.equal(await isFree(), true)
    const ends: readonly ((id: string) => JobOutcome)[] = [
      (id) => ({ id, kind: 'done' }),
      (id) => ({ id, kind: 'dead', error: failure }),
      (id) => ({ id, kind: 'cancelled' }),
      (id) => ({ id, kind: 'expired' }),
    ]
    for (const end of ends) {
      assert.equal(await isFree(), false)
      const { token, jobs: [job] } = await claimed(under.store, tier)
      assert.equal(await isFree(), false)
      await under.store.settle(token, [end(job!.id)])
      assert.equal(await isFree(), true)
    }
    const { token, jobs: [job] } = await claimed(under.store, tier)
    await under.store.settle(token, [{
      id: job!.id,
      kind: 'retry',
      atMs: Date.now() + 60_000,
      error: failure,
    }])
    assert.equal(await isFree(), false)
    assert.equal(await under.store.cancel(job!.id), 'cancelled')
    assert.equal(await isFree(), true)
  })

  storeTest('a key with a window is taken for that long, whatever becomes of its job', async (under) => {
    const [tier, key] = [someTier(), someTier()]
    const first = newJob(tier, { unique: { key, untilMs: Date.now() + 60_000 } })
    await enqueued(under, [first])
    await settleDone(under.store, await claimed(under.store, tier))
    const second = newJob(tier, { unique: { key } })
    assert.deepEqual(await under.store.enqueue(under.pool, [second]), [{
      id: second.id,
      duplicateOf: first.id,
    }])
    const past = newJob(tier, { unique: { key: `${key}-past`, untilMs: Date.now() - 1 } })
    await enqueued(under, [past])
    assert.deepEqual(await under.store.enqueue(under.pool, [{ ...second, unique: { key: `${key}-past` } }]), [
      { id: second.id },
    ])
  })

  storeTest(
    'of transactions that enqueue one key at once exactly one keeps its job, the others name it',
    async (under) => {
      const [tier, unique] = [someTier(), { key: someTier() }]
      const results = await Promise.all(
        Array.from(
          { length: 6 },
          (_, index) =>
            transaction(
              under.pool,
              (tx) => (index % 2 === 0 ? under.store : under.other).enqueue(tx, [newJob(tier, { unique })])
            )
        )
      )
      const kept = results.flat().filter(({ duplicateOf }) => duplicateOf === undefined)
      assert.equal(kept.length, 1)
      for (const { duplicateOf } of results.flat())
        assert.ok(duplicateOf === undefined || duplicateOf === kept[0]?.id)
      assert.equal((await tierOf(under.store, tier)).depth, 1)
    }
  )

  storeTest('a key whose transaction rolls back was never taken', async (under) => {
    const [tier, unique] = [someTier(), { key: someTier() }]
    await assert.rejects(transaction(under.pool, async (tx) => {
      await under.store.enqueue(tx, [newJob(tier, { unique })])
      throw new Error('second thoughts')
    }))
    const job = newJob(tier, { unique })
    assert.deepEqual(await under.store.enqueue(under.pool, [job]), [{ id: job.id }])
  })
}
