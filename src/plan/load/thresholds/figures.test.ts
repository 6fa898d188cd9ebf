import assert from 'node:assert/strict'
import { test } from 'node:test'
import { evenly, madeReport } from '../report/report.fixture.ts'
import { figuresOf } from './figures.ts'
import { judgeThreshold } from './judge.ts'
import { parseThreshold } from './parse-threshold.ts'

function near (actual: number | undefined, expected: number): void {
  assert.ok(
    actual !== undefined && Math.abs(actual - expected) <= expected * 0.005,
    `${actual} is not ${expected}`
  )
}

test('latency is that of all answers, good or not; the service time beside it', () => {
  const figures = figuresOf(madeReport({ a: { 200: evenly(50, 10), 503: evenly(50, 10) } }))
  near(figures?.latency.intended.quantile(0.5), 250)
  near(figures?.latency.service.quantile(0.5), 125)
  assert.equal(figures?.latency.intended.max, 500)
})

test('good counts what was answered as expected in time: not the late, not the refused, not the lost', () => {
  const figures = figuresOf(
    madeReport({ a: { 200: evenly(50, 10), 503: evenly(30, 1), timeout: evenly(20, 1) } })
  )
  assert.equal(figures?.count, 100)
  assert.equal(figures?.errors, 50)
  near(figures?.goodWithin(255), 25)
  assert.equal(figures?.goodWithin(500), 50)
  assert.equal(figures?.goodPerSecond, 5)
})

test('a request without an answer is slower than any: as many as a percentile leaves over make it infinite', () => {
  const of = (lost: number): ReturnType<typeof figuresOf> =>
    figuresOf(madeReport({ a: { 200: evenly(100 - lost, 1), refused: evenly(lost, 1) } }))
  near(of(1)?.latency.intended.quantile(0.99), 99)
  assert.equal(of(2)?.latency.intended.quantile(0.99), Infinity)
  near(of(2)?.latency.intended.quantile(0.98), 98)
  assert.equal(of(1)?.latency.intended.max, Infinity)
  assert.equal(of(1)?.latency.service.mean, Infinity)
  const result = judgeThreshold(parseThreshold('p99 < 10s'), of(2))
  assert.deepEqual([result.passed, result.actual, result.missing], [false, null, 'no-answer'])
})

test('a request of a name is judged alone; a name that nobody sent has no figures', () => {
  const report = madeReport({ fast: { 200: [1, 2] }, slow: { 200: [100, 200], 500: [1] } })
  assert.equal(figuresOf(report, 'fast')?.latency.intended.max, 2)
  assert.equal(figuresOf(report, 'slow')?.errors, 1)
  assert.equal(figuresOf(report)?.count, 5)
  assert.equal(figuresOf(report, 'none'), undefined)
})

test('what was cut off by the end of the run is neither good nor an error', () => {
  const report = madeReport({ a: { 200: [1, 2] } })
  const cut = { ...report, totals: { ...report.totals, due: 5, unfinished: 3 } }
  const figures = figuresOf(cut)
  assert.deepEqual([figures?.count, figures?.errors, figures?.unanswered], [2, 0, 0])
})
