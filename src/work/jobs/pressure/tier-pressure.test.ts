import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FlowRate } from './flow-rate.ts'
import { judgeTier, refusalOf, type TierReading, type WaitingTenant } from './tier-pressure.ts'

function reading (some: Partial<TierReading> = {}): TierReading {
  return {
    tier: 'within-10s',
    promiseMs: 10_000,
    depth: 0,
    oldestMs: 0,
    drainPerSecond: 100,
    growthPerSecond: 0,
    workers: 2,
    ...some,
  }
}

function refuse (some: Partial<TierReading>, tenants: readonly WaitingTenant[] | undefined, tenant = 'b') {
  const now = reading(some)
  return refusalOf(now, judgeTier(now), tenants, tenant)
}

test('a tier is at risk before it is late: four fifths of the promise used, or half of it and growing', () => {
  const conditionOf = (some: Partial<TierReading>): string => judgeTier(reading(some)).condition
  assert.equal(conditionOf({}), 'ok')
  assert.equal(conditionOf({ depth: 790, oldestMs: 100 }), 'ok')
  assert.equal(conditionOf({ depth: 810, oldestMs: 100 }), 'at_risk')
  assert.equal(conditionOf({ depth: 510, oldestMs: 100, growthPerSecond: 5 }), 'at_risk')
  assert.equal(conditionOf({ depth: 490, oldestMs: 100, growthPerSecond: 5 }), 'ok')
  assert.equal(conditionOf({ depth: 10, oldestMs: 8_100 }), 'at_risk')
  assert.equal(conditionOf({ depth: 10, oldestMs: 10_001 }), 'late')
  assert.equal(conditionOf({ depth: 10, oldestMs: 10_001, workers: 0 }), 'unattended')
  assert.equal(conditionOf({ depth: 10, oldestMs: 10, workers: 0, drainPerSecond: 0 }), 'unattended')
  assert.equal(conditionOf({ depth: 0, workers: 0, drainPerSecond: 0 }), 'ok')
  assert.equal(conditionOf({ depth: 10, oldestMs: 10, workers: undefined, drainPerSecond: undefined }), 'ok')
})

test('what a new job would wait is the backlog over the drain', () => {
  assert.equal(judgeTier(reading({ depth: 250 })).expectedWaitMs, 2_500)
  assert.equal(judgeTier(reading({ depth: 250, drainPerSecond: 0 })).expectedWaitMs, Infinity)
  assert.equal(judgeTier(reading({ depth: 0, drainPerSecond: 0 })).expectedWaitMs, 0)
})

test('Retry-After is when the backlog will be within the promise again', () => {
  // 3,000 jobs at 100 a second are 30 s; the promise is 10.
  assert.deepEqual(refuse({ depth: 3_000, oldestMs: 20_000 }, undefined), {
    reason: 'tier',
    retryAfterMs: 20_000,
  })
  assert.equal(refuse({ depth: 3_000, oldestMs: 9_000 }, undefined), undefined)
  assert.deepEqual(refuse({ depth: 30, oldestMs: 20_000 }, undefined), {
    reason: 'tier',
    retryAfterMs: 1_000,
  })
  const slow = refuse({ depth: 3_000, oldestMs: 20_000, drainPerSecond: 0.01 }, undefined)
  assert.equal(slow?.retryAfterMs, 600_000)
  const unknown = refuse({ depth: 3_000, oldestMs: 20_000, drainPerSecond: undefined }, undefined)
  assert.deepEqual(unknown, { reason: 'tier', retryAfterMs: 10_000 })
})

test('a tier without workers refuses until one may have come', () => {
  const refusal = refuse({ depth: 5, oldestMs: 20_000, workers: 0, drainPerSecond: 0 }, [])
  assert.deepEqual(refusal, { reason: 'unattended', retryAfterMs: 10_000 })
})

test('behind the backlog of one tenant, that tenant is refused for it, and all others are let in', () => {
  const late = { depth: 9_010, oldestMs: 60_000 }
  const tenants = [{ tenant: 'a', waiting: 9_000 }, { tenant: 'c', waiting: 10 }]
  // Half of the workers' 100 a second are its share: 180 s.
  assert.deepEqual(refuse(late, tenants, 'a'), { reason: 'tenant', retryAfterMs: 170_020 })
  assert.equal(refuse(late, tenants, 'b'), undefined)
  assert.equal(refuse(late, tenants, 'c'), undefined)
})

test('where many tenants have a little each, it is the tier that is overloaded', () => {
  const tenants = Array.from({ length: 100 }, (_, at) => ({ tenant: `t${at}`, waiting: 50 }))
  const late = { depth: 5_000, oldestMs: 60_000 }
  assert.deepEqual(refuse(late, tenants, 't7'), { reason: 'tier', retryAfterMs: 41_000 })
  assert.equal(refuse(late, tenants, 'new'), undefined)
})

test('a tenant of more weight has a larger share of the drain', () => {
  const late = reading({ depth: 2_000, oldestMs: 60_000 })
  const tenants = [{ tenant: 'a', waiting: 399 }, { tenant: 'b', waiting: 399 }]
  const weightOf = (tenant: string): number => tenant === 'a' ? 4 : 1
  const [heavy, light] = ['a', 'b'].map((tenant) =>
    refusalOf(late, judgeTier(late), tenants, tenant, weightOf)
  )
  assert.equal(heavy, undefined)
  assert.deepEqual(light, { reason: 'tier', retryAfterMs: 10_000 })
})

test('where nothing is taken any more nobody is let in, and nobody is blamed for it', () => {
  const tenants = [{ tenant: 'a', waiting: 9_000 }]
  const stuck = { depth: 9_000, oldestMs: 60_000, drainPerSecond: 0 }
  for (const tenant of ['a', 'new'])
    assert.deepEqual(refuse(stuck, tenants, tenant), { reason: 'tier', retryAfterMs: 10_000 })
})

test('property: whoever has more waiting is refused no less, and told to stay away no shorter', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(5_000), { minLength: 1, maxLength: 20 }),
      fc.nat(5_000),
      fc.integer({ min: 1, max: 5_000 }),
      fc.float({ min: 1, max: 500, noNaN: true }),
      (others, mine, more, drainPerSecond) => {
        const rest = others.map((waiting, at) => ({ tenant: `t${at}`, waiting }))
        const late = { depth: 9_999, oldestMs: 60_000, drainPerSecond }
        const [less, most] = [mine, mine + more].map((waiting) =>
          refuse(late, [...rest, { tenant: 'me', waiting }], 'me')
        )
        if (less !== undefined) {
          assert.ok(most !== undefined && most.retryAfterMs >= less.retryAfterMs)
          assert.ok(less.retryAfterMs >= 1_000 && less.retryAfterMs <= 600_000)
          if (less.reason === 'tenant') assert.equal(most.reason, 'tenant')
        }
      }
    ),
    { numRuns: 200 }
  )
})

test('a rate is what came in a second, follows a change, and passes over a count that falls', () => {
  const rate = new FlowRate(15_000)
  assert.equal(rate.perSecond, undefined)
  let total = 0
  for (let atMs = 0; atMs <= 60_000; atMs += 2_000) rate.note(total += 200, atMs)
  assert.equal(Math.round(rate.perSecond!), 100)
  for (let atMs = 62_000; atMs <= 92_000; atMs += 2_000) rate.note(total += 20, atMs)
  assert.ok(rate.perSecond! > 10 && rate.perSecond! < 25, String(rate.perSecond))
  const before = rate.perSecond
  rate.note(0, 94_000)
  rate.note(5, 94_000)
  assert.equal(rate.perSecond, before)
})
