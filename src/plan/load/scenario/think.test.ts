import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom, SettingError } from '../../../kernel/index.ts'
import { resolveThink, type Think, thinkMs } from './think.ts'

function meanOf (think: Think): number {
  const [random, resolved, draws] = [seededRandom(7), resolveThink(think, 'think'), 20_000]
  let sum = 0
  for (let draw = 0; draw < draws; draw++) sum += thinkMs(resolved, random)
  return sum / draws
}

test('a fixed think time is always the same', () => {
  assert.equal(meanOf('1.5s'), 1_500)
})

test('a uniform one stays in its bounds, and an exponential one has its mean and no bound', () => {
  assert.ok(Math.abs(meanOf({ from: '1s', to: '3s' }) - 2_000) < 20)
  assert.ok(Math.abs(meanOf({ mean: '2s' }) - 2_000) < 60)
  fc.assert(fc.property(fc.nat(1e6), fc.nat(1e6), fc.nat(2 ** 31), (fromMs, span, seed) => {
    const ms = thinkMs(resolveThink({ from: fromMs, to: fromMs + span }, 'think'), seededRandom(seed))
    assert.ok(ms >= fromMs && ms <= fromMs + span)
  }))
  const { random, resolved } = { random: seededRandom(3), resolved: resolveThink({ mean: 100 }, 'think') }
  const draws = Array.from({ length: 10_000 }, () => thinkMs(resolved, random))
  // An exponential one is above three means in one case of twenty (e^-3).
  const beyond = draws.filter((ms) => ms > 300).length / draws.length
  assert.ok(Math.abs(beyond - Math.exp(-3)) < 0.01, String(beyond))
})

test('bounds the wrong way round and what is no duration are refused', () => {
  assert.throws(
    () => resolveThink({ from: '3s', to: '1s' }, 'think'),
    /think\.to must be at least think\.from \(3s\)/
  )
  for (const think of ['5', {}, null, { mean: 'long' }] as unknown[]) {
    assert.throws(() => resolveThink(think as Think, 'think'), SettingError)
  }
})
