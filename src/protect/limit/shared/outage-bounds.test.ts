import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../../kernel/index.ts'
import type { Limit } from '../limit.ts'
import type { SharedStore } from './shared-store.ts'
import { claim, concurrency, quota, rate, sliding } from './shared.fixture.ts'
import { outages, SimulatedLedger } from './simulated-ledger.fixture.ts'
import { shareOfCapacity } from './stand-in.ts'

interface Spent {
  readonly atMs: number
  readonly units: number
}

async function workersOf (ledger: SimulatedLedger, count: number): Promise<SharedStore[]> {
  const stores = Array.from({ length: count }, (_, at) => ledger.store({ worker: `w${at}` }))
  for (const store of stores) await Promise.all([store.take([claim(rate(1))]), ledger.advance(1)])
  await ledger.advance(3_000, 10)
  assert.deepEqual(stores.map(({ workers }) => workers), stores.map(() => count))
  ledger.taken.length = 0
  return stores
}

/** All workers hammer one key for a time. */
async function hammer (
  ledger: SimulatedLedger,
  stores: readonly SharedStore[],
  { limit, ms, random }: { limit: Limit; ms: number; random: () => number },
  spent: Spent[]
): Promise<void> {
  const endMs = ledger.clock.now() + ms
  while (ledger.clock.now() < endMs) {
    for (const store of stores) {
      const takes = Math.floor(6 * random())
      for (let take = 0; take < takes; take++) {
        const request = claim(limit)
        const add = (): void => {
          // What was asked for, the ledger has counted.
          if (request.taken && request.decidedBy === 'share')
            spent.push({ atMs: ledger.clock.now(), units: 1 })
        }
        const outcome = store.take([request])
        if (outcome instanceof Promise) void outcome.then(add)
        else if (request.decidedBy === 'store' && outcome === undefined) {
          spent.push({ atMs: ledger.clock.now(), units: 1 })
        } else add()
      }
    }
    await ledger.advance(3 * random(), 3)
  }
}

/** The most by which any stretch of time holds more than `burst + rate * time`. */
function overshoot (spent: readonly Spent[], burst: number, unitMs: number): number {
  let worst = 0
  let used = 0
  let lastMs = 0
  for (const { atMs, units } of spent.toSorted((one, other) => one.atMs - other.atMs)) {
    used = Math.max(0, used - (atMs - lastMs) / unitMs) + units
    lastMs = atMs
    worst = Math.max(worst, used - burst)
  }
  return worst
}

const outage = fc.record({
  workers: fc.integer({ min: 1, max: 5 }),
  burst: fc.integer({ min: 1, max: 200 }),
  perSecond: fc.integer({ min: 1, max: 1_000 }),
  mode: fc.constantFrom('lost' as const, 'refused' as const),
  forgets: fc.boolean(),
  seed: fc.integer(),
})

test("an outage admits at most one burst more when it begins, and one and a second's rate when it ends", async () => {
  let worst = 0
  await fc.assert(
    fc.asyncProperty(outage, async ({ workers, burst, perSecond, mode, forgets, seed }) => {
      const ledger = new SimulatedLedger()
      const stores = await workersOf(ledger, workers)
      const unitMs = 1_000 / perSecond
      const work = { limit: rate(burst, { unitMs }), random: seededRandom(seed) }
      const spent: Spent[] = []
      await hammer(ledger, stores, { ...work, ms: 300 }, spent)
      ledger.mode = mode
      await hammer(ledger, stores, { ...work, ms: 600 }, spent)
      const lent = 0.1 * burst
      const shares = workers * shareOfCapacity(work.limit, workers)
      const begun = overshoot([...spent, ...ledger.taken], burst, unitMs)
      assert.ok(begun <= shares + lent + 0.1, `over by ${begun}: shares ${shares}, leases ${lent}`)
      ledger.mode = 'works'
      if (forgets) ledger.forget()
      await hammer(ledger, stores, { ...work, ms: 2_500 }, spent)
      const ended = overshoot([...spent, ...ledger.taken], burst, unitMs)
      // A worker that has not noticed yet, for at most a second, goes on with its share.
      const beside = workers > 1 ? perSecond : 0
      const bound = shares + burst + lent + beside
      assert.ok(ended <= bound + 0.1, `over by ${ended} of ${bound}: shares ${shares}, burst ${burst}`)
      worst = Math.max(worst, ended / bound)
      for (const store of stores) void store.close()
      await ledger.advance(100, 5)
    }),
    { numRuns: 25 }
  )
  assert.ok(worst > 0.02, `worst ${worst}: a bound that nothing comes near says little`)
})

test('shares of all workers together are the limit, and at least one unit each', async () => {
  for (const [units, workers, each] of [[100, 4, 25], [10, 4, 2], [2, 4, 1]] as const) {
    for (const limit of [rate(units), sliding(units), quota(units), concurrency(units)]) {
      const ledger = new SimulatedLedger()
      const stores = await workersOf(ledger, workers)
      ledger.mode = 'refused'
      for (const store of stores) {
        let admitted = 0
        for (let at = 0; at < 2 * units; at++) if (await store.take([claim(limit)]) === undefined) admitted++
        assert.equal(admitted, each, `${limit.kind} ${units} / ${workers}`)
      }
      for (const store of stores) await store.close()
    }
  }
})

test('a share begins with its part of what was left, and what it spends is charged when the ledger is back', async () => {
  for (const limit of [rate(100), sliding(100), quota(100)]) {
    const ledger = new SimulatedLedger()
    const stores = await workersOf(ledger, 2)
    for (let at = 0; at < 40; at++) for (const store of stores) await store.take([claim(limit)])
    ledger.mode = 'refused'
    let admitted = 0
    for (let at = 0; at < 100; at++) {
      for (const store of stores) if (await store.take([claim(limit)]) === undefined) admitted++
    }
    // What the first worker knows of is a request older than what the second knows of.
    assert.ok(admitted >= 19 && admitted <= 21, `${limit.kind}: ${admitted}`)
    ledger.mode = 'works'
    await ledger.advance(3_000, 10)
    const request = claim(limit)
    await stores[0]?.take([request])
    assert.equal(request.decidedBy, 'store')
    // Not the twenty that the ledger had left: a unit or two of rounding, for the client.
    assert.ok(request.remaining <= 20 - admitted + 2, `${limit.kind}: ${request.remaining}`)
    for (const store of stores) await store.close()
  }
})

test('one request waits for the bound, those after it for nothing, and the line is tried again', async () => {
  const ledger = new SimulatedLedger()
  const { told, onOutage } = outages()
  const store = ledger.store({ worker: 'a', onOutage, timeout: 50 })
  await store.take([claim(rate(5))])
  ledger.mode = 'lost'
  const waits = [claim(rate(5)), claim(rate(5))]
  const outcomes = waits.map((request) => store.take([request]))
  assert.ok(outcomes.every((outcome) => outcome instanceof Promise))
  await ledger.advance(49)
  assert.equal(told.length, 0)
  await ledger.advance(2, 1)
  assert.deepEqual(await Promise.all(outcomes), [undefined, undefined])
  assert.ok(waits.every(({ decidedBy }) => decidedBy === 'share'))
  assert.ok(!(store.take([claim(rate(5))]) instanceof Promise))
  ledger.mode = 'refused'
  await ledger.advance(10_000, 10)
  assert.deepEqual(told.map(({ state }) => state), ['gone'])
  ledger.mode = 'works'
  await ledger.advance(2_100, 10)
  assert.deepEqual(told.map(({ state }) => state), ['gone', 'back'])
  const request = claim(rate(5))
  await store.take([request])
  assert.equal(request.decidedBy, 'store')
  await store.close()
})

test('an answer that comes after its time gives back what was lent in it', async () => {
  const ledger = new SimulatedLedger()
  const limit = quota(1_000)
  const [store, other] = [ledger.store({ worker: 'a' }), ledger.store({ worker: 'b' })]
  await other.take([claim(limit)])
  for (let at = 0; at < 5; at++) {
    await store.take([claim(limit)])
    await ledger.advance(4)
  }
  await ledger.advance(3_000, 10)
  ledger.oneWayMs = 200
  const late = store.take([claim(limit)])
  await ledger.advance(60, 1)
  assert.equal(await late, undefined)
  ledger.oneWayMs = 0
  await ledger.advance(5_000, 5)
  const request = claim(limit)
  await other.take([request])
  // Eight were asked for, one of them charged a second time by the share that decided it; nothing is lent.
  assert.ok(request.remaining >= 1_000 - 9, String(request.remaining))
  await Promise.all([store.close(), other.close()])
})

test('a listener that throws harms no request', async () => {
  const ledger = new SimulatedLedger()
  const store = ledger.store({
    worker: 'a',
    onOutage: () => {
      throw new Error('the log is full')
    },
  })
  ledger.mode = 'refused'
  assert.equal(await store.take([claim(rate(5))]), undefined)
  await store.close()
})

test('a flood of keys is forgotten in bounded memory, and what was lent for them goes back', async () => {
  const ledger = new SimulatedLedger()
  const store = ledger.store({ worker: 'a', keys: 100 })
  const limit = quota(1_000)
  for (let at = 0; at < 30; at++) {
    await store.take([claim(limit, 'hot')])
    await ledger.advance(2)
  }
  for (let at = 0; at < 1_000; at++) await store.take([claim(limit, `flood ${at}`)])
  assert.ok(store.remembered <= 100, String(store.remembered))
  await ledger.advance(20)
  const request = claim(limit, 'hot')
  await store.take([request])
  assert.equal(request.remaining, 1_000 - 31)
  await store.close()
})
