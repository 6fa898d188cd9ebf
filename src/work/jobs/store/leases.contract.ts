import assert from 'node:assert/strict'
import { transaction } from '../../../data/index.ts'
import { waitUntil } from '../../../engines/wait-until.fixture.ts'
import {
  claimed,
  claimedInTime,
  done,
  empty,
  enqueued,
  failure,
  idsOf,
  lapsed,
  newJob,
  newJobs,
  settleDone,
  someTier,
  type StoreTest,
  tierOf,
} from './store-under-test.fixture.ts'

/** What every store promises of leases: nobody loses a job, and nobody writes for a job that is another's. */
export function testLeases (storeTest: StoreTest): void {
  storeTest(
    'jobs of a lapsed lease go to the next with a higher token; the old holder can write nothing',
    async (under) => {
      const tier = someTier()
      await enqueued(under, newJobs(2, tier, { tracked: true }))
      const old = await lapsed(under, tier)
      const next = await claimed(under.other, tier)
      assert.deepEqual(idsOf(next.jobs).toSorted(), idsOf(old.jobs).toSorted())
      assert.ok(next.token > old.token)
      assert.deepEqual(next.jobs.map(({ attempt }) => attempt), [2, 2])
      const [first, second] = old.jobs
      assert.equal(await under.store.progress(old.token, first!.id, '1'), false)
      assert.equal(
        await transaction(under.pool, (tx) => under.store.settleIn(tx, old.token, done([first!])[0]!)),
        false
      )
      await under.store.giveBack(old.token, [second!.id])
      assert.deepEqual((await under.store.renew([old.token, next.token], 60_000)).lost, [old.token])
      assert.deepEqual(await under.store.settle(old.token, done(old.jobs)), idsOf(old.jobs))
      assert.deepEqual(await tierOf(under.store, tier), { ...empty, running: 2 })
      await settleDone(under.other, next)
      assert.deepEqual(await tierOf(under.store, tier), empty)
    }
  )

  storeTest('of a lapsed lease, what was settled stays settled', async (under) => {
    const tier = someTier()
    await enqueued(under, newJobs(4, tier))
    const { token, jobs } = await claimed(under.store, tier, 10, 1)
    await under.store.settle(token, done(jobs.slice(0, 2)))
    await transaction(under.pool, (tx) => under.store.settleIn(tx, token, done([jobs[2]!])[0]!))
    const next = await claimedInTime(under.other, tier)
    assert.deepEqual(idsOf(next.jobs), [jobs[3]!.id])
  })

  storeTest(
    'a lapsed lease that nobody found yet can be renewed, and then nobody finds it',
    async (under) => {
      const tier = someTier()
      await enqueued(under, newJobs(1, tier))
      const batch = await claimed(under.store, tier, 10, 1)
      assert.deepEqual(await under.store.renew([batch.token], 60_000), { lost: [], cancelling: [] })
      await under.other.upkeep()
      assert.equal(await under.other.claim({ tier, limit: 10, leaseMs: 60_000 }), undefined)
      await settleDone(under.store, batch)
    }
  )

  storeTest("a lease that holds is nobody else's, whoever looks", async (under) => {
    const tier = someTier()
    await enqueued(under, newJobs(1, tier))
    const batch = await claimed(under.store, tier)
    await Promise.all([under.store.upkeep(), under.other.upkeep(), under.other.upkeep()])
    assert.equal(await under.other.claim({ tier, limit: 10, leaseMs: 60_000 }), undefined)
    await settleDone(under.store, batch)
  })

  storeTest('many that look after lapsed leases at once put each job back once', async (under) => {
    const tier = someTier()
    const jobs = await enqueued(under, newJobs(30, tier))
    for (let each = 0; each < 10; each++) await claimed(under.store, tier, 3, 1)
    const stores = [under.store, under.other]
    let back: string[] = []
    for (let tries = 0; back.length < 30 && tries < 200; tries++) {
      await Promise.all(Array.from({ length: 6 }, (_, index) => stores[index % 2]!.upkeep()))
      const batch = await under.store.claim({ tier, limit: 100, leaseMs: 60_000 })
      back = [...back, ...idsOf(batch?.jobs ?? [])]
    }
    assert.deepEqual(back.toSorted(), idsOf(jobs).toSorted())
  })

  storeTest(
    'a job whose process is lost in its last attempt is dead, and one with attempts left is not',
    async (under) => {
      const tier = someTier()
      await enqueued(under, [newJob(tier, { attempts: 2 })])
      await lapsed(under, tier)
      assert.deepEqual(await tierOf(under.store, tier), { ...empty, depth: 1 })
      await lapsed(under, tier)
      assert.deepEqual(await tierOf(under.store, tier), { ...empty, dead: 1 })
    }
  )

  storeTest(
    'a job that was lost with others in its last attempt gets a run in which it is started at once',
    async (under) => {
      const tier = someTier()
      await enqueued(under, newJobs(3, tier, { attempts: 1 }))
      await lapsed(under, tier)
      const none = await under.store.claim({ tier, limit: 10, starting: 0, leaseMs: 60_000 })
      assert.equal(none, undefined)
      const one = await under.store.claim({ tier, limit: 10, starting: 1, leaseMs: 1 })
      assert.equal(one?.jobs.length, 1)
      await waitUntil('the one that was started dies', async () => {
        await under.other.upkeep()
        return (await tierOf(under.store, tier)).dead === 1
      })
      const last = await claimed(under.other, tier)
      assert.equal(last.jobs.length, 2)
      assert.deepEqual(await tierOf(under.store, tier), { ...empty, running: 2, dead: 1 })
      await settleDone(under.other, last)
    },
    'suspects'
  )

  storeTest('what is given back waits at once, as if it had never been claimed', async (under) => {
    const tier = someTier()
    const jobs = await enqueued(under, newJobs(3, tier))
    const { token } = await claimed(under.store, tier)
    await under.store.giveBack(token)
    const again = await claimed(under.other, tier)
    assert.deepEqual(idsOf(again.jobs), idsOf(jobs))
    assert.deepEqual(again.jobs.map(({ attempt }) => attempt), [1, 1, 1])
    assert.deepEqual(await under.store.settle(token, done(jobs)), idsOf(jobs))
  })

  storeTest('parts of a batch can be given back, done, and given back as a whole', async (under) => {
    const tier = someTier()
    await enqueued(under, newJobs(4, tier))
    const { token, jobs } = await claimed(under.store, tier)
    await under.store.giveBack(token, [jobs[1]!.id])
    await under.store.settle(token, done([jobs[0]!]))
    assert.deepEqual(await under.store.settle(token, done([jobs[1]!])), [jobs[1]!.id])
    await under.store.giveBack(token)
    assert.deepEqual(await tierOf(under.store, tier), { ...empty, depth: 3 })
    assert.deepEqual(idsOf((await claimed(under.store, tier)).jobs), idsOf(jobs.slice(1)))
  }, 'partial give-back')

  storeTest('a job settled in its own transaction is done if and only if that commits', async (under) => {
    const tier = someTier()
    await enqueued(under, newJobs(2, tier))
    const { token, jobs: [first, second] } = await claimed(under.store, tier)
    const failing = transaction(under.pool, async (tx) => {
      assert.equal(await under.store.settleIn(tx, token, done([first!])[0]!), true)
      throw new Error('second thoughts')
    })
    await assert.rejects(failing, /second thoughts/)
    assert.equal(
      await transaction(under.pool, (tx) => under.store.settleIn(tx, token, done([second!])[0]!)),
      true
    )
    assert.deepEqual(await under.store.settle(token, done([second!])), [second!.id])
    assert.deepEqual(await under.store.settle(token, [{ id: first!.id, kind: 'dead', error: failure }]), [])
    assert.equal((await tierOf(under.store, tier)).dead, 1)
    await under.store.upkeep()
    assert.equal(await under.other.claim({ tier, limit: 10, leaseMs: 60_000 }), undefined)
  })

  for (const jobs of [1, 3]) {
    storeTest(
      `a settlement waits for a transaction that settled the job already (batch of ${jobs}), and then writes nothing`,
      async (under) => {
        const tier = someTier()
        await enqueued(under, newJobs(jobs, tier))
        const { token, jobs: [first] } = await claimed(under.store, tier)
        const client = await under.pool.connect()
        try {
          await client.query('begin')
          assert.equal(await under.store.settleIn(client, token, done([first!])[0]!), true)
          const again = under.store.settle(token, [{
            id: first!.id,
            kind: 'retry',
            atMs: Date.now(),
            error: failure,
          }])
          await client.query('select pg_sleep(0.05)')
          await client.query('commit')
          assert.deepEqual(await again, [first!.id])
        } finally {
          client.release()
        }
        await under.store.upkeep()
        assert.equal(await under.other.claim({ tier, limit: 10, leaseMs: 60_000 }), undefined)
        assert.equal((await tierOf(under.store, tier)).later, 0)
      }
    )
  }

  storeTest(
    "while a transaction that settled a job is open, its lapsed lease is nobody else's",
    async (under) => {
      const tier = someTier()
      await enqueued(under, newJobs(2, tier))
      const { token, jobs: [first, second] } = await claimed(under.store, tier, 10, 200)
      const client = await under.pool.connect()
      try {
        await client.query('begin')
        assert.equal(await under.store.settleIn(client, token, done([first!])[0]!), true)
        await client.query('select pg_sleep(0.25)')
        await under.other.upkeep()
        assert.equal(await under.other.claim({ tier, limit: 10, leaseMs: 60_000 }), undefined)
        await client.query('commit')
      } finally {
        client.release()
      }
      const next = await claimedInTime(under.other, tier)
      assert.deepEqual(idsOf(next.jobs), [second!.id])
    }
  )
}
