import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Arrivals, hold, ramp, resolveArrivals, spike, steps } from './arrivals.ts'

test('held rates, ramps and steps become parts with plain numbers, and names that say them', () => {
  const parts = resolveArrivals([
    hold('50/s', '10s'),
    ramp(50, '200/s', '1m'),
    steps([100, '400/s'], '5s'),
    { name: 'mine', from: 1, for: 5 },
  ])
  assert.deepEqual(parts, [
    { name: '50/s', fromPerSecond: 50, toPerSecond: 50, durationMs: 10_000 },
    { name: 'ramp 50/s to 200/s', fromPerSecond: 50, toPerSecond: 200, durationMs: 60_000 },
    { name: 'step 1 of 2: 100/s', fromPerSecond: 100, toPerSecond: 100, durationMs: 5_000 },
    { name: 'step 2 of 2: 400/s', fromPerSecond: 400, toPerSecond: 400, durationMs: 5_000 },
    { name: 'mine', fromPerSecond: 1, toPerSecond: 1, durationMs: 5 },
  ])
})

test('a spike stands between its base rates, and the whole takes its total', () => {
  const parts = resolveArrivals([spike(500, { base: 50, at: '4s', for: '2s', total: '10s' })])
  assert.deepEqual(
    parts.map(({ fromPerSecond, durationMs }) => [fromPerSecond, durationMs]),
    [[50, 4_000], [500, 2_000], [50, 4_000]]
  )
  fc.assert(fc.property(fc.nat(1e6), fc.integer({ min: 1, max: 1e6 }), fc.nat(1e6), (at, lasts, rest) => {
    const total = at + lasts + rest
    const each = resolveArrivals([spike(2, { base: 1, at, for: lasts, total })])
    assert.equal(each.reduce((sum, { durationMs }) => sum + durationMs, 0), total)
    assert.equal(each.find(({ fromPerSecond }) => fromPerSecond === 2)?.durationMs, lasts)
  }))
})

test('what is no part of a run is refused with its place', () => {
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [[], /^arrivals must be a list such as/],
    ['50/s', /^arrivals must be a list such as/],
    [[null], /^arrivals\[0\] must be hold\(rate, duration\)/],
    [[hold(50, 0)], /^arrivals\[0\]\.for must be a duration above 0/],
    [[hold(50, '1s'), hold(0, '1s')], /^arrivals\[1\]\.from must be a rate/],
    [[{ from: 1, to: 'x', for: '1s' }], /^arrivals\[0\]\.to must be a rate/],
  ]
  for (const [arrivals, says] of wrong) {
    assert.throws(() => resolveArrivals(arrivals as Arrivals[]), { code: 'SETTING_INVALID', message: says })
  }
  assert.throws(
    () => spike(9, { base: 1, at: '9s', for: '2s', total: '10s' }),
    /^SettingError: spike must be over by/
  )
})
