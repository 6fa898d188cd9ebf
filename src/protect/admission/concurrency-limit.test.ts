import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConcurrencyLimit, type Timed } from './concurrency-limit.ts'

/**
 * Keeps `limit` full for `forMs` in front of something that carries `places` units at once, each for `takesMs`.
 *
 * @returns the work, as the limit knows it
 */
function saturate (
  limit: ConcurrencyLimit,
  { places, takesMs, forMs, fromMs = 0, work = { baseMs: 0, answeredInWindow: 0, latencySumMs: 0 } }: {
    readonly places: number
    readonly takesMs: number
    readonly forMs: number
    readonly fromMs?: number
    readonly work?: Timed
  }
): Timed {
  for (let nowMs = fromMs; nowMs < fromMs + forMs;) {
    const inFlight = Math.floor(limit.limit)
    // By Little's law: what is in flight, over the rate at which it leaves.
    const latencyMs = takesMs * Math.max(1, inFlight / places)
    nowMs += takesMs / Math.min(places, inFlight)
    limit.wasFull()
    limit.answered(work, latencyMs, nowMs, inFlight)
  }
  return work
}

test('in front of a pool of 10, it settles where the pool is full and little more', () => {
  const limit = new ConcurrencyLimit()
  const work = saturate(limit, { places: 10, takesMs: 20, forMs: 6_000 })
  assert.ok(limit.usualLimit > 11 && limit.usualLimit < 20, `${limit.usualLimit}`)
  assert.ok(work.baseMs > 19 && work.baseMs < 24, `${work.baseMs}`)
})

test('it starts from the first guess, and grows fast while more is carried', () => {
  const limit = new ConcurrencyLimit(40)
  assert.equal(limit.limit, 40)
  saturate(limit, { places: 1_000, takesMs: 20, forMs: 400 })
  assert.ok(limit.usualLimit > 600, `${limit.usualLimit}`)
})

test('a base that was learnt in a crowd is found out by probes', () => {
  const limit = new ConcurrencyLimit(200)
  const work = saturate(limit, { places: 10, takesMs: 20, forMs: 30_000 })
  assert.ok(work.baseMs < 30, `${work.baseMs}`)
  assert.ok(limit.usualLimit < 25, `${limit.usualLimit}`)
})

test('latency that is not its own doing is followed: the same rate needs more in flight', () => {
  const limit = new ConcurrencyLimit()
  const work = saturate(limit, { places: 100, takesMs: 20, forMs: 3_000 })
  const before = limit.usualLimit
  saturate(limit, { places: 1_000, takesMs: 200, forMs: 6_000, fromMs: 3_000, work })
  assert.ok(limit.usualLimit > 4 * before, `${before} -> ${limit.usualLimit}`)
})

test('time-outs at constant latency make it fall, to the few that can find out when all is well', () => {
  const limit = new ConcurrencyLimit()
  saturate(limit, { places: 100, takesMs: 20, forMs: 3_000 })
  for (let nowMs = 3_000; nowMs < 10_000; nowMs += 10) {
    limit.wasFull()
    limit.failed(nowMs)
  }
  assert.equal(limit.limit, 3)
})

test('what is never full learns no limit, whatever its latency does', () => {
  const limit = new ConcurrencyLimit()
  const work = { baseMs: 0, answeredInWindow: 0, latencySumMs: 0 }
  for (let nowMs = 0; nowMs < 20_000; nowMs += 10) limit.answered(work, nowMs < 10_000 ? 20 : 400, nowMs, 2)
  assert.equal(limit.limit, 20)
  assert.ok(work.baseMs > 300, 'and the base drifts with it')
})

test('a probe that did not lower what is in flight proves nothing: latency is not taken for the base', () => {
  const limit = new ConcurrencyLimit()
  const work = { baseMs: 0, answeredInWindow: 0, latencySumMs: 0 }
  for (let nowMs = 0; nowMs < 20_000; nowMs += 2) {
    limit.wasFull()
    limit.answered(work, nowMs < 300 ? 20 : 100, nowMs, 50) // 50 stay in flight whatever the limit says
  }
  assert.equal(work.baseMs, 20)
  assert.ok(limit.usualLimit < 25, `${limit.usualLimit}`)
})
