import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SettingError } from '../../../kernel/index.ts'
import { parseThreshold } from './parse-threshold.ts'
import type { Threshold } from './threshold.ts'

function parsed (text: string): Omit<Threshold, 'text'> {
  const { text: _, ...rest } = parseThreshold(text)
  return rest
}

test('every metric is read with its bound in its own unit, with and without spaces', () => {
  const all = { request: undefined, comparison: '<' } as const
  assert.deepEqual(parsed('p99<250ms'), {
    ...all,
    metric: { kind: 'quantile', clock: 'intended', quantile: 0.99 },
    bound: 250,
  })
  assert.deepEqual(parsed(' service_p99.9  <  1.5s '), {
    ...all,
    metric: { kind: 'quantile', clock: 'service', quantile: 0.999 },
    bound: 1_500,
  })
  assert.deepEqual(parsed('service_max < 2s').metric, { kind: 'max', clock: 'service' })
  assert.deepEqual(parsed('mean < 40ms').metric, { kind: 'mean', clock: 'intended' })
  assert.deepEqual(parsed('error_rate<1%'), { ...all, metric: { kind: 'error-rate' }, bound: 0.01 })
  assert.deepEqual(parsed('error_rate<0.01').bound, 0.01)
  assert.deepEqual(parsed('rate>=195/s'), {
    ...all,
    comparison: '>=',
    metric: { kind: 'rate' },
    bound: 195,
  })
  assert.deepEqual(parsed('errors <= 0'), {
    ...all,
    comparison: '<=',
    metric: { kind: 'errors' },
    bound: 0,
  })
  assert.deepEqual(parsed('count > 1000').metric, { kind: 'count' })
  assert.deepEqual(parsed('good(250ms)>=98%'), {
    ...all,
    comparison: '>=',
    metric: { kind: 'good', withinMs: 250 },
    bound: 0.98,
  })
})

test('a threshold can be of one request', () => {
  assert.equal(parsed('p99[GET /products] < 250ms').request, 'GET /products')
  assert.equal(parsed('good(1s)[place order] >= 99%').request, 'place order')
})

const slips: readonly (readonly [text: string, says: RegExp])[] = [
  ['', /threshold must be METRIC\[REQUEST\] COMPARISON BOUND, such as "p99 < 250ms"/],
  ['p99 = 250ms', /must be METRIC/],
  ['p99 < ', /must be METRIC/],
  ['p99', /must be METRIC/],
  ['p99 < 250', /the bound of threshold "p99 < 250" must be a duration/],
  ['p100 < 1s', /the metric of threshold "p100 < 1s" must be p50 .*, got "p100"/],
  ['latency < 1s', /got "latency"/],
  ['good >= 98%', /good\(TIME\), got "good"/],
  ['good(250) >= 98%', /the time of good\(\) in threshold must be a duration/],
  ['error_rate(5s) < 1%', /got "error_rate\(5s\)"/],
  ['error_rate < 5', /must be a share such as "1%" or "0.01", got "5"/],
  ['error_rate < 101%', /must be a share/],
  ['rate > 0/s', /must be a rate above 0/],
  ['errors < 1.5', /must be a whole number/],
]
for (const [text, says] of slips) {
  test(`"${text}" is refused, with the rule that it breaks`, () => {
    assert.throws(
      () => parseThreshold(text),
      (error) => error instanceof SettingError && says.test(error.message)
    )
  })
}

test('whatever the text, it is read or refused with a SettingError, and at once', () => {
  const scraps = fc.array(
    fc.oneof(
      fc.constantFrom(
        'p99',
        'good',
        'rate',
        'error_rate',
        'service_',
        '(',
        ')',
        '[',
        ']',
        '<',
        '<=',
        '>',
        ' '
      ),
      fc.constantFrom('250ms', '98%', '195/s', '1e9', '.', '\n', '\u0000', '\ud800'),
      fc.string({ unit: 'binary', maxLength: 8 })
    ),
    { maxLength: 60 }
  ).map((parts) => parts.join(''))
  fc.assert(
    fc.property(fc.oneof(scraps, fc.string({ unit: 'binary', maxLength: 400 })), (text) => {
      try {
        assert.ok(Number.isFinite(parseThreshold(text).bound))
      } catch (error) {
        assert.ok(error instanceof SettingError, String(error))
      }
    }),
    { numRuns: 2_000 }
  )
})

test('any threshold of the grammar is read as what it says', () => {
  const name = fc.stringMatching(/^[\w/{}:. -]{1,20}$/).filter((text) => text.trim() === text && text !== '')
  const space = fc.constantFrom('', ' ', '  ')
  fc.assert(
    fc.property(
      fc.nat(99),
      fc.option(name, { nil: undefined }),
      fc.constantFrom('<', '<=', '>', '>='),
      fc.integer({ min: 0, max: 1e9 }),
      space,
      (percentile, request, comparison, ms, gap) => {
        const scope = request === undefined ? '' : `[${request}]`
        const read = parsed(`p${percentile}${gap}${scope}${gap}${comparison}${gap}${ms}ms`)
        assert.deepEqual(read, {
          metric: { kind: 'quantile', clock: 'intended', quantile: Number(`${percentile}e-2`) },
          request,
          comparison,
          bound: ms,
        })
      }
    )
  )
})
