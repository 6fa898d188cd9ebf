import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '../../kernel/index.ts'
import { Calendar } from './calendar.ts'
import type { Limit, QuotaLimit, RateLimit } from './limit.ts'
import { ProcessStore } from './process-store.ts'
import { testLimitStore } from './store.contract.ts'
import { Claim } from './store.ts'

testLimitStore('process', async () => {
  const clock = manualClock(Date.UTC(2026, 2, 28, 12))
  const store = new ProcessStore({ clock, keys: 64 })
  return {
    store,
    advance: (ms) => clock.advance(ms),
    async [Symbol.asyncDispose] () {
      await store.close()
    },
  }
})

const base = { ordinal: 0, id: 'a', shadow: false, whenStoreFails: 'share' } as const
const perMinute: RateLimit = { ...base, kind: 'rate', unitMs: 60_000, burst: 1 }
const perDay: QuotaLimit = {
  ...base,
  kind: 'quota',
  requests: 1,
  calendar: new Calendar('day', 'Europe/Berlin'),
}

test('a flood of a million other keys frees no limited client', () => {
  const clock = manualClock()
  const store = new ProcessStore({ clock, keys: 4_096 })
  const limited = Array.from({ length: 500 }, (_, at) => `limited-${at}`)
  for (const key of limited) assert.equal(store.take([new Claim(perDay, key, 1)]), undefined)
  for (let key = 0; key < 1_000_000; key++) store.take([new Claim(perDay, `flood-${key}`, 1)])
  for (const key of limited) assert.notEqual(store.take([new Claim(perDay, key, 1)]), undefined)
  assert.equal(store.bytes, 4_096 * 32)
  assert.equal(store.liveShare() > 0.99, true)
})

test('keys for which there is no room share a cell: too early at worst, never too late', () => {
  const clock = manualClock()
  const store = new ProcessStore({ clock, keys: 64 })
  const limit: RateLimit = { ...perMinute, burst: 3 }
  for (let key = 0; key < 1_000; key++) store.take([new Claim({ ...perDay, ordinal: 1 }, `flood-${key}`, 1)])
  const before = store.overflowed
  assert.ok(before > 800)
  for (const key of ['a', 'b', 'c']) {
    const admitted = [1, 2, 3, 4, 5].filter(() => store.take([new Claim(limit, key, 1)]) === undefined)
    assert.equal(admitted.length, 3)
  }
  assert.equal(store.overflowed, before + 15)
})

test('a key that finds room after it shared a cell starts from what the cell counted', () => {
  const clock = manualClock()
  const store = new ProcessStore({ clock, keys: 64 })
  const brief: RateLimit = { ...perMinute, ordinal: 1, unitMs: 1_000 }
  for (let key = 0; key < 1_000; key++) store.take([new Claim(brief, `flood-${key}`, 1)])
  assert.equal(store.take([new Claim(perMinute, 'a', 1)]), undefined)
  clock.advance(1_000) // the flood has decayed, what 'a' took has not
  const { overflowed } = store
  assert.notEqual(store.take([new Claim(perMinute, 'a', 1)]), undefined)
  assert.equal(store.overflowed, overflowed)
})

test('places in flight that were taken in a shared cell are freed there', () => {
  const clock = manualClock()
  const store = new ProcessStore({ clock, keys: 64 })
  const brief: RateLimit = { ...perMinute, ordinal: 1, unitMs: 1_000 }
  const inFlight: Limit = { ...base, kind: 'concurrency', inFlight: 1 }
  for (let key = 0; key < 1_000; key++) store.take([new Claim(brief, `flood-${key}`, 1)])
  const held = [new Claim(inFlight, 'a', 1)]
  assert.equal(store.take(held), undefined)
  assert.notEqual(store.take([new Claim(inFlight, 'a', 1)]), undefined)
  store.release(held)
  assert.equal(store.take([new Claim(inFlight, 'a', 1)]), undefined)
})

test('two claims of one request never get the same entry', () => {
  const clock = manualClock()
  const store = new ProcessStore({ clock, keys: 64 })
  for (let key = 0; key < 1_000; key++)
    store.take([new Claim({ ...perMinute, ordinal: 99 }, `old-${key}`, 1)])
  clock.advance(60_000) // each entry has been used, and is free
  const limits = Array.from({ length: 16 }, (_, ordinal): Limit => ({ ...perMinute, ordinal, burst: 2 }))
  for (const remaining of [1, 0]) {
    const claims = limits.map((limit) => new Claim(limit, 'a', 1))
    assert.equal(store.take(claims), undefined)
    assert.deepEqual(claims.map((claim) => claim.remaining), claims.map(() => remaining))
  }
})

test('a wall clock that steps back does not give a used quota back, nor does one that is set right again', () => {
  const clock = manualClock(Date.UTC(2026, 5, 2, 0, 30))
  const store = new ProcessStore({ clock, keys: 64 })
  const day: Limit = { ...perDay, calendar: new Calendar('day', 'UTC') }
  assert.equal(store.take([new Claim(day, 'a', 1)]), undefined)
  clock.stepEpoch(-3_600_000) // yesterday
  const refused = new Claim(day, 'a', 1)
  assert.equal(store.take([refused]), refused)
  assert.equal(refused.waitMs, 24.5 * 3_600_000) // until the day that was used ends
  clock.stepEpoch(3_600_000)
  assert.notEqual(store.take([new Claim(day, 'a', 1)]), undefined)
})

test('by default it takes 32 MiB, for 1,048,576', () => {
  const store = new ProcessStore()
  assert.deepEqual([store.keys, store.bytes], [2 ** 20, 32 * 2 ** 20])
})

/** Counts as the table does, in a Map without bounds. */
interface Model {
  readonly state: Map<string, { tokens: number; atMs: number }>
  take(key: string, cost: number, nowMs: number): boolean
}

function tokenBuckets ({ unitMs, burst }: RateLimit): Model {
  const state = new Map<string, { tokens: number; atMs: number }>()
  return {
    state,
    take (key, cost, nowMs) {
      const { tokens, atMs } = state.get(key) ?? { tokens: burst, atMs: nowMs }
      const have = Math.min(burst, tokens + (nowMs - atMs) / unitMs)
      const admitted = have >= cost
      state.set(key, { tokens: admitted ? have - cost : have, atMs: nowMs })
      return admitted
    },
  }
}

test('over any sequence of keys, costs and times it decides as buckets in a map do', () => {
  const limit: RateLimit = { ...perMinute, unitMs: 64, burst: 5 } // 64 ms and whole times: no rounding
  const step = fc.record({ waitMs: fc.nat(200), key: fc.nat(30), cost: fc.integer({ min: 0, max: 5 }) })
  fc.assert(fc.property(fc.array(step, { maxLength: 200 }), (script) => {
    const clock = manualClock()
    const store = new ProcessStore({ clock, keys: 1_024 })
    const model = tokenBuckets(limit)
    for (const { waitMs, key, cost } of script) {
      clock.advance(waitMs)
      const refused = store.take([new Claim(limit, `${key}`, cost)])
      assert.equal(refused === undefined, model.take(`${key}`, cost, clock.now()))
    }
  }))
})

const limits: readonly Limit[] = [
  { ...perMinute, ordinal: 0, burst: 3 },
  { ...base, ordinal: 1, kind: 'sliding', windowMs: 1_000, requests: 3 },
  { ...perDay, ordinal: 2, requests: 3 },
  { ...base, ordinal: 3, kind: 'concurrency', inFlight: 3 },
  { ...perMinute, ordinal: 4, unitMs: 1e-6, burst: 1e12, shadow: true },
]

test('whatever keys, costs and clocks come, nothing throws, no answer is NaN, and nothing is admitted beyond', () => {
  const claim = fc.record({
    limit: fc.constantFrom(...limits),
    key: fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('a', 'b')),
    cost: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constant(0.5)),
  })
  const step = fc.record({
    claims: fc.uniqueArray(claim, { maxLength: 5, selector: ({ limit }) => limit.ordinal }),
    moveMs: fc.oneof(fc.nat(2_000), fc.double({ min: -1e13, max: 1e13, noNaN: true })),
    stepMs: fc.oneof(fc.constant(0), fc.integer({ min: -4e12, max: 4e12 })),
    after: fc.constantFrom('keep', 'give', 'release', 'both'),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (script) => {
      let nowMs = 0
      let epochMs = Date.UTC(2026, 5, 1)
      const clock = { ...manualClock(), now: () => nowMs, epochMs: () => epochMs }
      const store = new ProcessStore({ clock, keys: 64, secret: [1, 2] })
      for (const { claims: asked, moveMs, stepMs, after } of script) {
        nowMs += moveMs
        epochMs = Math.min(Math.max(epochMs + stepMs, -8e15), 8e15)
        const claims = asked.map(({ limit, key, cost }) => new Claim(limit, key, cost))
        const refused = store.take(claims)
        for (const { limit, waitMs, remaining, resetMs, taken } of claims) {
          assert.ok(Number.isInteger(waitMs) && waitMs >= 0, `waitMs ${waitMs}`)
          assert.ok(Number.isInteger(resetMs) && resetMs >= 0, `resetMs ${resetMs}`)
          assert.ok(Number.isInteger(remaining) && remaining >= 0, `remaining ${remaining}`)
          assert.ok(!taken || refused === undefined)
          if (!limit.shadow && waitMs > 0) assert.notEqual(refused, undefined)
        }
        if (after === 'give' || after === 'both') store.give(claims)
        if (after === 'release' || after === 'both') store.release(claims)
      }
    }),
    { numRuns: 500 }
  )
})
