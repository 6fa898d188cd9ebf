import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SettingError } from '../../kernel/index.ts'
import { resolveArrivals } from '../../plan/load/scenario/index.ts'
import { UsageError } from '../errors.ts'
import { arrivalsOf } from './arrivals.ts'

type Options = Parameters<typeof arrivalsOf>[0]['options']

/** Rates and lengths of the parts that flags come to. */
function parts (options: Options): (readonly [from: number, to: number, ms: number])[] {
  return resolveArrivals(arrivalsOf({ options }) ?? [])
    .map(({ fromPerSecond, toPerSecond, durationMs }) => [fromPerSecond, toPerSecond, durationMs])
}

test('each way to say the load becomes its parts, with 50/s and 10 s where nothing is said', () => {
  assert.equal(arrivalsOf({ options: {} }), undefined)
  assert.deepEqual(parts({ rate: '200/s' }), [[200, 200, 10_000]])
  assert.deepEqual(parts({ duration: '2s' }), [[50, 50, 2_000]])
  assert.deepEqual(parts({ steps: '100,200/s', 'step-duration': '3s' }), [[100, 100, 3_000], [
    200,
    200,
    3_000,
  ]])
  assert.deepEqual(parts({ steps: '7' }), [[7, 7, 10_000]])
  assert.deepEqual(parts({ ramp: '50-200', duration: '1m' }), [[50, 200, 60_000]])
  assert.deepEqual(parts({ rate: '10', spike: '500@4s+2s' }), [[10, 10, 4_000], [500, 500, 2_000], [
    10,
    10,
    4_000,
  ]])
  assert.deepEqual(parts({ spike: '500@0s+10s' }), [[500, 500, 10_000]])
})

const contradictions: readonly Options[] = [
  { steps: '1,2', ramp: '1-2' },
  { steps: '1,2', spike: '9@1s+1s' },
  { ramp: '1-2', spike: '9@1s+1s' },
  { rate: '5', steps: '1,2' },
  { rate: '5', ramp: '1-2' },
  { duration: '5s', steps: '1,2' },
  { 'step-duration': '5s' },
]
for (const options of contradictions) {
  test(`--${Object.keys(options).join(' and --')} is refused, with what to say instead`, () => {
    assert.throws(
      () => arrivalsOf({ options }),
      (error) => error instanceof UsageError && /--/.test(error.message)
    )
  })
}

const wrong: readonly (readonly [Options, RegExp])[] = [
  [{ rate: 'many' }, /^--rate must be a rate/],
  [{ duration: '10' }, /^--duration must be a duration such as/],
  [{ duration: '0s' }, /^--duration must be a duration above 0/],
  [{ steps: '1,,2' }, /^each of --steps must be a rate/],
  [{ ramp: '50' }, /^--ramp must be FROM-TO/],
  [{ ramp: '50-' }, /^TO of --ramp must be a rate/],
  [{ spike: '500' }, /^--spike must be PEAK@AT\+FOR, such as/],
  [{ spike: '500@9s+2s' }, /^--spike must be over by the end/],
  [{ rate: '50', spike: '40@1s+1s' }, /^PEAK of --spike must be above --rate \(50\/s\)/],
]
for (const [options, says] of wrong) {
  test(`${JSON.stringify(options)} is refused with its rule`, () => {
    assert.throws(() => arrivalsOf({ options }), { code: 'SETTING_INVALID', message: says })
  })
}

test('whatever the texts, they are a load or a wrong use, never a crash', () => {
  const text = fc.option(
    fc.oneof(
      fc.string({ maxLength: 12 }),
      fc.constantFrom('1', '50/s', '1-2', '9@1s+1s', '5s', '0s', '1,2', '1e9', '-', '@+', '1@', 'NaN')
    ),
    { nil: undefined }
  )
  const options = fc.record({
    rate: text,
    duration: text,
    steps: text,
    'step-duration': text,
    ramp: text,
    spike: text,
  })
  fc.assert(fc.property(options, (given) => {
    try {
      const arrivals = arrivalsOf({ options: given })
      if (arrivals !== undefined)
        assert.ok(resolveArrivals(arrivals).every(({ durationMs }) => durationMs > 0))
    } catch (error) {
      assert.ok(error instanceof UsageError || error instanceof SettingError, String(error))
    }
  }))
})
