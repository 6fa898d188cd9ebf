import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Gcra, gcraNext, gcraRefund, gcraRemaining, gcraWaitMs } from './gcra.ts'

interface Taken {
  readonly atMs: number
  readonly cost: number
  refunded: boolean
}

/** Admitted and not refunded units over every interval between two takes. */
function assertBound (taken: readonly Taken[], { unitMs, burst }: Gcra): void {
  const kept = taken.filter(({ refunded }) => !refunded)
  for (const [from, first] of kept.entries()) {
    let units = 0
    for (const { atMs, cost } of kept.slice(from)) {
      units += cost
      const allowed = burst + (atMs - first.atMs) / unitMs
      assert.ok(units <= allowed + 0.001 / unitMs + 1e-6, `${units} of ${allowed}`)
    }
  }
}

const limits = fc.record({
  unitMs: fc.oneof(
    fc.constantFrom(0.001, 1, 1000 / 3, 60_000 / 7),
    fc.double({ min: 0.01, max: 1e6, noNaN: true })
  ),
  burst: fc.integer({ min: 1, max: 50 }),
})

/** Steps in units of time, so that all rates are tried near their bound. */
const steps = fc.array(
  fc.record({
    waitUnits: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 3, noNaN: true })),
    cost: fc.integer({ min: 0, max: 60 }),
    refund: fc.option(fc.nat(20), { nil: undefined }),
  }),
  { maxLength: 60 }
)

test('over no interval more than burst + rate * t is admitted and kept, whatever is refunded', () => {
  fc.assert(
    fc.property(limits, steps, (limit, script) => {
      let [tatMs, nowMs] = [0, 0]
      const taken: Taken[] = []
      for (const { waitUnits, cost: asked, refund } of script) {
        nowMs += waitUnits * limit.unitMs
        const cost = Math.min(asked, limit.burst)
        const nextMs = gcraNext(tatMs, limit, cost, nowMs)
        if (gcraWaitMs(nextMs, limit, nowMs) === 0) {
          tatMs = nextMs
          taken.push({ atMs: nowMs, cost, refunded: false })
        }
        const undone = refund === undefined ? undefined : taken.at(-1 - refund)
        if (undone !== undefined && !undone.refunded) {
          undone.refunded = true
          tatMs = gcraRefund(tatMs, limit, { cost: undone.cost, takenAtMs: undone.atMs }, nowMs)
        }
      }
      assertBound(taken, limit)
    }),
    { numRuns: 500 }
  )
})

test('it admits what a bucket of tokens admits', () => {
  fc.assert(
    fc.property(limits, steps, (limit, script) => {
      let [tatMs, nowMs, tokens] = [0, 0, limit.burst]
      for (const { waitUnits, cost: asked } of script) {
        nowMs += waitUnits * limit.unitMs
        tokens = Math.min(limit.burst, tokens + waitUnits)
        const cost = Math.min(asked, limit.burst)
        const nextMs = gcraNext(tatMs, limit, cost, nowMs)
        const admitted = gcraWaitMs(nextMs, limit, nowMs) === 0
        // At the edge, rounding may decide either way.
        if (Math.abs(tokens - cost) > 1e-3 / limit.unitMs + 1e-6) assert.equal(admitted, tokens >= cost)
        if (!admitted) continue
        tatMs = nextMs
        tokens -= cost
        assert.ok(Math.abs(gcraRemaining(tatMs, limit, nowMs) - tokens) <= 1 + 1e-6)
      }
    }),
    { numRuns: 500 }
  )
})

test('who waits exactly as long as told is admitted; who comes a hundredth of a unit sooner is not', () => {
  fc.assert(
    fc.property(
      limits,
      fc.double({ min: 0, max: 1e9, noNaN: true }),
      fc.integer({ min: 1, max: 50 }),
      (limit, startMs, asked) => {
        fc.pre(limit.unitMs >= 1)
        const cost = Math.min(asked, limit.burst)
        let tatMs = startMs - 0.3 * limit.unitMs
        for (let next = tatMs;;) {
          next = gcraNext(tatMs, limit, cost, startMs)
          const waitMs = gcraWaitMs(next, limit, startMs)
          if (waitMs === 0) {
            tatMs = next
            continue
          }
          const at = startMs + waitMs
          assert.equal(gcraWaitMs(gcraNext(tatMs, limit, cost, at), limit, at), 0)
          const early = Math.max(startMs, at - limit.unitMs / 100)
          if (at - early > 0.01) assert.ok(gcraWaitMs(gcraNext(tatMs, limit, cost, early), limit, early) > 0)
          break
        }
      }
    ),
    { numRuns: 300 }
  )
})

test('a clock that steps back admits nothing more, and costs at most one full bucket of waiting', () => {
  fc.assert(
    fc.property(limits, fc.double({ min: 0, max: 1e9, noNaN: true }), (limit, backMs) => {
      const nowMs = 1e9
      const emptyMs = gcraNext(nowMs, limit, limit.burst, nowMs)
      const waitMs = gcraWaitMs(gcraNext(emptyMs, limit, 1, nowMs - backMs), limit, nowMs - backMs)
      assert.ok(waitMs > 0 && waitMs <= limit.unitMs + 1e-3, String(waitMs))
    })
  )
})

test('a refund after the bucket has refilled gives nothing', () => {
  const limit = { unitMs: 100, burst: 5 }
  const tatMs = gcraNext(0, limit, 5, 1_000)
  assert.equal(gcraRefund(tatMs, limit, { cost: 5, takenAtMs: 400 }, 1_000), tatMs)
  assert.equal(gcraRefund(tatMs, limit, { cost: 5, takenAtMs: 1_000 }, 1_000), tatMs - 500)
})
