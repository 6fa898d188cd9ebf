import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../../kernel/index.ts'
import type { Limit } from '../limit.ts'
import { balance } from './balance.ts'
import type { SharedStore } from './shared-store.ts'
import { claim, concurrency, quota, rate, sliding } from './shared.fixture.ts'
import { SimulatedLedger } from './simulated-ledger.fixture.ts'

interface Run {
  readonly workers: number
  readonly burst: number
  readonly perSecond: number
  readonly leaseShare: number
  readonly leaseLifeMs: number
  readonly oneWayMs: number
  readonly seed: number
}

const runs = fc.record({
  workers: fc.integer({ min: 1, max: 6 }),
  burst: fc.integer({ min: 1, max: 400 }),
  perSecond: fc.integer({ min: 1, max: 2_000 }),
  leaseShare: fc.constantFrom(0.1, 0.25, 0.5),
  leaseLifeMs: fc.constantFrom(20, 100, 500),
  oneWayMs: fc.constantFrom(0, 0.2, 3),
  seed: fc.integer(),
})

interface Spent {
  readonly atMs: number
  readonly units: number
}

/** Workers that hammer one key, each in bursts and pauses of its own; what was admitted, and when. */
async function hammer (
  run: Run,
  limit: Limit,
  turns = 400
): Promise<{ spent: Spent[]; stores: SharedStore[]; local: number }> {
  const ledger = new SimulatedLedger()
  ledger.oneWayMs = run.oneWayMs
  const random = seededRandom(run.seed)
  const stores = Array.from(
    { length: run.workers },
    (_, at) => ledger.store({ worker: `w${at}`, leaseShare: run.leaseShare, leaseLife: run.leaseLifeMs })
  )
  // All are known before the first lease: the bound is for a number of workers that stands.
  for (const store of stores)
    await Promise.all([store.take([claim(rate(1))]), ledger.advance(2 * run.oneWayMs + 0.1)])
  ledger.taken.length = 0
  const spent: Spent[] = []
  const paces = stores.map(() => random())
  for (let turn = 0; turn < turns; turn++) {
    for (const [at, store] of stores.entries()) {
      if (random() < 0.02) paces[at] = random() < 0.3 ? 0 : random()
      const takes = Math.floor((paces[at] ?? 0) * 12 * random())
      for (let take = 0; take < takes; take++) {
        const outcome = store.take([claim(limit)])
        if (!(outcome instanceof Promise) && outcome === undefined)
          spent.push({ atMs: ledger.clock.now(), units: 1 })
      }
    }
    await ledger.advance(random() < 0.02 ? 2 * run.leaseLifeMs * random() : 2 * random(), 10)
  }
  await ledger.advance(2 * run.oneWayMs + 1)
  const local = spent.length
  // What was asked for counts from when the ledger gave it.
  spent.push(...ledger.taken)
  spent.sort((one, other) => one.atMs - other.atMs)
  for (const store of stores) void store.close()
  await ledger.advance(60, 1)
  return { spent, stores, local }
}

/** The most by which any stretch of time holds more than `burst + rate * time`. */
function overshoot (spent: readonly Spent[], burst: number, unitMs: number): number {
  let worst = 0
  let used = 0
  let lastMs = 0
  for (const { atMs, units } of spent) {
    used = Math.max(0, used - (atMs - lastMs) / unitMs) + units
    lastMs = atMs
    worst = Math.max(worst, used - burst)
  }
  return worst
}

test('a rate over many workers admits at most burst + rate * time + min(leases, rate * lease life)', async () => {
  let leased = 0
  let worst = 0
  await fc.assert(
    fc.asyncProperty(runs, async (run) => {
      const unitMs = 1_000 / run.perSecond
      const limit = rate(run.burst, { unitMs })
      const { spent, local } = await hammer(run, limit)
      const over = overshoot(spent, run.burst, unitMs)
      const lent = run.workers * Math.floor(run.leaseShare * run.burst / run.workers)
      const bound = Math.min(lent, run.leaseLifeMs / unitMs)
      // A time of today has a quarter of a microsecond to it: sums of hundreds are off by a few.
      assert.ok(over <= bound + 0.1, `over by ${over}, bound ${bound}`)
      if (local > 0) leased++
      worst = Math.max(worst, over)
    }),
    { numRuns: 60 }
  )
  // The bound is not met by never leasing, nor by a bound that nothing comes near.
  assert.ok(leased > 10, `leased in ${leased} runs`)
  assert.ok(worst > 1, `worst ${worst}`)
})

test('a window and a quota never admit more than they hold, leases included', async () => {
  await fc.assert(
    fc.asyncProperty(runs, fc.boolean(), async (run, isQuota) => {
      const windowMs = 200
      const limit = isQuota ? quota(run.burst) : sliding(run.burst, { windowMs })
      const { spent } = await hammer(run, limit)
      const counts = new Map<number, number>()
      for (const { atMs, units } of spent) {
        const window = isQuota ? 0 : Math.floor((1_800_000_000_000 + atMs) / windowMs)
        counts.set(window, (counts.get(window) ?? 0) + units)
      }
      for (const count of counts.values()) assert.ok(count <= run.burst, `${count} of ${run.burst}`)
    }),
    { numRuns: 40 }
  )
})

test('under steady demand of all workers, leases cost no more than what they may hold back', async () => {
  for (const burst of [40, 400]) {
    const ledger = new SimulatedLedger()
    ledger.oneWayMs = 0.2
    const limit = rate(burst, { unitMs: 1_000 / burst })
    const stores = ['a', 'b', 'c', 'd'].map((worker) => ledger.store({ worker }))
    let admitted = 0
    let trips = 0
    for (let turn = 0; turn < 3_000; turn++) {
      for (const store of stores) {
        const outcome = store.take([claim(limit)])
        if (outcome instanceof Promise) {
          trips++
          void outcome.then((refusedBy) => admitted += refusedBy === undefined ? 1 : 0)
        } else if (outcome === undefined) admitted++
      }
      await ledger.advance(1)
    }
    await ledger.advance(1)
    const exact = burst + 3 * burst
    assert.ok(admitted >= exact - 0.1 * burst - 4, `${admitted} of ${exact}`)
    assert.ok(admitted <= exact + 0.1 * burst + 1, `${admitted} of ${exact}`)
    assert.ok(trips < 12_000 / 4, `${trips} round trips for 12,000 decisions`)
    for (const store of stores) void store.close()
    await ledger.advance(60, 1)
  }
})

test('a cold key is asked for once a request and lent nothing; a hot one is decided here', async () => {
  const ledger = new SimulatedLedger()
  const limit = rate(10_000, { unitMs: 1 })
  const store = ledger.store({ worker: 'a' })
  for (let at = 0; at < 5; at++) {
    await store.take([claim(limit, 'cold')])
    await ledger.advance(1_000)
  }
  assert.equal(ledger.settlements, 5)
  let synchronous = 0
  for (let at = 0; at < 1_000; at++) {
    const outcome = store.take([claim(limit, 'hot')])
    if (outcome instanceof Promise) await outcome
    else synchronous++
    await ledger.advance(1)
  }
  assert.ok(synchronous > 960, String(synchronous))
  assert.ok(ledger.settlements < 50, String(ledger.settlements))
  await store.close()
})

test('a limited crowd is refused from memory, and the wait told is the true one', async () => {
  const ledger = new SimulatedLedger()
  const limit = rate(2, { unitMs: 1_000 })
  const [store, other] = [ledger.store({ worker: 'a' }), ledger.store({ worker: 'b' })]
  await other.take([claim(limit, 'a', 2)])
  let refused = 0
  for (let at = 0; at < 90; at++) {
    const request = claim(limit)
    if (await store.take([request]) !== undefined) refused++
    assert.equal(request.waitMs, 1_000 - 10 * at)
    await ledger.advance(10)
  }
  assert.equal(refused, 90)
  assert.ok(ledger.settlements <= 4, String(ledger.settlements))
  await ledger.advance(100)
  assert.equal(await store.take([claim(limit)]), undefined)
  await Promise.all([store.close(), other.close()])
})

test('a lease that nobody spends goes back, less what the bucket has earned meanwhile', async () => {
  const ledger = new SimulatedLedger()
  const limit = quota(1_000)
  const [store, other] = [ledger.store({ worker: 'a' }), ledger.store({ worker: 'b' })]
  await other.take([claim(limit)])
  for (let at = 0; at < 50; at++) {
    await store.take([claim(limit)])
    await ledger.advance(1)
  }
  await ledger.advance(1_000, 10)
  const request = claim(limit)
  await other.take([request])
  assert.equal(request.remaining, 1_000 - 52)
  await Promise.all([store.close(), other.close()])
})

test('what a closing worker was lent, and its slots, are there for the others at once', async () => {
  const ledger = new SimulatedLedger()
  const [spent, held] = [quota(1_000), concurrency(2)]
  const [store, other] = [ledger.store({ worker: 'a' }), ledger.store({ worker: 'b' })]
  await other.take([claim(spent)])
  for (let at = 0; at < 50; at++) {
    await store.take([claim(spent)])
    await ledger.advance(1)
  }
  await store.take([claim(held, 'a', 2)])
  assert.notEqual(await other.take([claim(held)]), undefined)
  await store.close()
  await ledger.advance(20)
  const request = claim(spent)
  assert.equal(await other.take([request, claim(held, 'a', 2)]), undefined)
  assert.equal(request.remaining, 1_000 - 52)
  assert.equal(other.workers, 1)
  await other.close()
})

test('slots of a worker that died are free after its life, and a living one keeps its own', async () => {
  const ledger = new SimulatedLedger()
  const held = concurrency(2)
  const [dead, living] = [ledger.store({ worker: 'dead' }), ledger.store({ worker: 'living' })]
  await dead.take([claim(held)])
  await living.take([claim(held)])
  assert.notEqual(await living.take([claim(held)]), undefined)
  ledger.silence('dead')
  await ledger.advance(9_000, 50)
  assert.notEqual(await living.take([claim(held)]), undefined)
  await ledger.advance(2_000, 50)
  assert.equal(await living.take([claim(held)]), undefined)
  assert.notEqual(await living.take([claim(held)]), undefined)
  await living.close()
})

test('whatever requests do, no more are in flight than the limit, and in the end all slots are free', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 60 }), fc.integer(), async (slots, seed) => {
      const random = seededRandom(seed)
      const ledger = new SimulatedLedger()
      ledger.oneWayMs = 0.3
      const limit = concurrency(slots)
      const stores = ['a', 'b', 'c'].map((worker) => ledger.store({ worker, leaseShare: 0.5 }))
      const inFlight: [SharedStore, ReturnType<typeof claim>][] = []
      for (let turn = 0; turn < 150; turn++) {
        for (const store of stores) {
          if (random() < 0.5) {
            const request = claim(limit)
            void Promise.resolve(store.take([request])).then((refusedBy) => {
              if (refusedBy === undefined) inFlight.push([store, request])
            })
          }
        }
        await ledger.advance(random())
        assert.ok(inFlight.length <= slots, `${inFlight.length} of ${slots}`)
        while (inFlight.length > 0 && random() < 0.6) {
          const [store, request] = inFlight.splice(Math.floor(random() * inFlight.length), 1)[0]!
          store.release([request])
        }
      }
      await ledger.advance(5, 0.2)
      for (const [store, request] of inFlight) store.release([request])
      await ledger.advance(1_500, 5)
      const all = claim(limit, 'a', slots)
      const last = Promise.resolve(stores[0]?.take([all]))
      await ledger.advance(2, 0.2)
      assert.equal(await last, undefined, 'all slots at once')
      for (const store of stores) void store.close()
      await ledger.advance(60, 1)
    }),
    { numRuns: 25 }
  )
})

/** A worker that has become hot on a key, and holds a lease. */
async function hotWorker (
  ledger: SimulatedLedger,
  limit: Limit
): Promise<{ store: SharedStore; isLocal: () => boolean }> {
  const store = ledger.store({ worker: 'hot' })
  const isLocal = (): boolean => !(store.take([claim(limit)]) instanceof Promise)
  for (let at = 0; at < 300; at++) {
    isLocal()
    await ledger.advance(1)
  }
  assert.equal(isLocal(), true)
  return { store, isLocal }
}

test('a hot key is lent more before its lease ends: no request waits', async () => {
  const ledger = new SimulatedLedger()
  ledger.oneWayMs = 1
  const { store, isLocal } = await hotWorker(ledger, rate(10_000, { unitMs: 1 }))
  for (let at = 0; at < 500; at++) {
    assert.equal(isLocal(), true, `request ${at}`)
    await ledger.advance(1)
  }
  void store.close()
  await ledger.advance(100, 1)
})

test('a lease is not spent after its life, and a key that went cold is lent nothing', async () => {
  const ledger = new SimulatedLedger()
  const { store, isLocal } = await hotWorker(ledger, rate(10_000, { unitMs: 1 }))
  await ledger.advance(240)
  assert.equal(isLocal(), true)
  await ledger.advance(600, 10)
  assert.equal(isLocal(), false)
  await ledger.advance(1)
  assert.equal(isLocal(), false)
  await store.close()
})

test('a request that runs for longer than a worker may be silent keeps its place', async () => {
  const ledger = new SimulatedLedger()
  const held = concurrency(1)
  const [one, other] = [ledger.store({ worker: 'one' }), ledger.store({ worker: 'other' })]
  await one.take([claim(held)])
  await ledger.advance(60_000, 50)
  assert.notEqual(await other.take([claim(held)]), undefined)
  await Promise.all([one.close(), other.close()])
})

test("a ledger lends no more than a worker's part of the share, nor of what is left, whatever is wanted", () => {
  const terms = { worker: 'a', workers: 4, leaseShare: 0.1, workerLifeMs: 1_000 }
  const account = { kind: 'rate', capacity: 1_000, unitMs: 1 } as const
  const ask = { key: 'a', account, take: 1, optional: false, want: 5_000, back: 0 }
  assert.equal(balance(ask, undefined, terms, 0).lease, 25)
  assert.equal(balance({ ...ask, take: 960 }, undefined, terms, 0).lease, 10)
  assert.equal(balance({ ...ask, take: 998 }, undefined, terms, 0).lease, 0)
})
