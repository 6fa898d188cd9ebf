import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Figures, judgeThreshold } from './judge.ts'
import { parseThreshold } from './parse-threshold.ts'

/** 1,000 requests: latencies of 0 to 999 ms from the intended start, half of that from the real one; 10 failed. */
const figures: Figures = {
  count: 1_000,
  errors: 10,
  unanswered: 0,
  goodPerSecond: 99,
  latency: {
    intended: { mean: 499.5, max: 999, quantile: (q) => q * 1_000 },
    service: { mean: 250, max: 500, quantile: (q) => q * 500 },
  },
  goodWithin: (ms) => Math.min(ms, 990),
}

function passes (text: string, of: Figures | undefined = figures): boolean {
  return judgeThreshold(parseThreshold(text), of).passed
}

test('each metric is compared with what it names: from the intended start unless it says service', () => {
  const met = [
    'p99 <= 990ms',
    'service_p99 <= 495ms',
    'mean < 500ms',
    'service_mean < 251ms',
    'max < 1s',
    'service_max <= 500ms',
    'error_rate <= 1%',
    'errors <= 10',
    'count >= 1000',
    'rate >= 99/s',
    'good(250ms) >= 25%',
  ]
  assert.deepEqual(met.filter((text) => !passes(text)), [])
  const missed = [
    'p99 < 990ms',
    'service_p99 < 495ms',
    'mean > 500ms',
    'service_mean > 251ms',
    'max >= 1s',
    'service_max < 500ms',
    'error_rate < 1%',
    'errors < 10',
    'count > 1000',
    'rate > 99/s',
    'good(250ms) > 25%',
  ]
  assert.deepEqual(missed.filter((text) => passes(text)), [])
})

test('the result holds the actual value, the bound and their unit', () => {
  assert.deepEqual(judgeThreshold(parseThreshold('good(250ms) >= 98%'), figures), {
    threshold: 'good(250ms) >= 98%',
    passed: false,
    actual: 0.25,
    bound: 0.98,
    unit: 'share',
  })
})

test('what was not measured has not passed, whichever way it is compared', () => {
  const nothing: Figures = {
    ...figures,
    count: 0,
    errors: 0,
    goodWithin: () => 0,
    latency: {
      intended: { mean: NaN, max: NaN, quantile: () => NaN },
      service: { mean: NaN, max: NaN, quantile: () => NaN },
    },
  }
  for (const text of ['p99 < 1s', 'p99 > 0ms', 'error_rate < 1%', 'good(1s) >= 0%', 'max >= 0ms']) {
    assert.equal(judgeThreshold(parseThreshold(text), nothing).passed, false, text)
    assert.equal(judgeThreshold(parseThreshold(text), undefined).actual, null)
  }
})
