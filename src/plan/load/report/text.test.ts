import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LoadReport } from '../report.ts'
import { parseThreshold } from '../thresholds/index.ts'
import { conclude } from './conclusion.ts'
import type { RunHead } from './document.ts'
import { evenly, madeReport } from './report.fixture.ts'
import { reportText } from './text.ts'

const head: RunHead = {
  target: 'http://127.0.0.1:3000',
  scenario: undefined,
  load: 'poisson 50/s for 10s',
  seed: 1,
  timeoutMs: 10_000,
}

function textOf (report: LoadReport, ...rules: string[]): string {
  return reportText(
    report,
    conclude(report, rules.map((rule) => parseThreshold(rule))),
    head,
    (_, text) => text
  )
}

test('a request has its count, rate, both times side by side, its outcomes and its bytes', () => {
  const text = textOf(madeReport({ 'GET /products': { 200: evenly(100, 1), 503: [1], timeout: [10_000] } }))
  assert.match(text, /^http:\/\/127\.0\.0\.1:3000 {2}poisson 50\/s for 10s, 10s measured\n/)
  assert.match(text, /^request +count +good +time +p50 +p90 +p99 +p99\.9 +max$/m)
  assert.match(text, /^GET \/products +102 +10\/s +intended +50ms +89\.9ms +99\.1ms +100ms +100ms$/m)
  assert.match(text, /^ +service +25ms +44\.9ms +49\.5ms +50ms +50ms$/m)
  assert.match(text, /^ {2}200: 100, 503: 1, timeout: 1; 101 kB in, 10\.2 kB out$/m)
  assert.doesNotMatch(text, /^all /m)
})

test('several requests are summed up, and no line is wider than a terminal needs', () => {
  const name = 'a request with a name that is longer than its column'
  const text = textOf(madeReport({ [name]: { 200: [1] }, b: { 200: [2] } }))
  assert.match(text, /^all +2 /m)
  assert.match(text, /^a request with a name th… +1 /m)
  assert.deepEqual(text.split('\n').filter((line) => line.length > 105), [])
})

test('thresholds stand with what they came to, and the last line says what it all means', () => {
  const report = madeReport({ a: { 200: evenly(97, 1), refused: evenly(3, 1) } })
  const text = textOf(report, 'p50 < 1s', 'p99 < 1s', 'error_rate <= 3%', 'rate > 100/s')
  assert.match(text, /^met {6}p50 < 1s {10}50(\.\d)?ms$/m)
  assert.match(text, /^not met {2}p99 < 1s {10}no answer$/m)
  assert.match(text, /^met {6}error_rate <= 3% {2}3%$/m)
  assert.match(text, /^not met {2}rate > 100\/s {6}9\.7\/s$/m)
  assert.match(text, /\nfailed: 2 of 4 thresholds not met\n$/)
  assert.match(textOf(report, 'p50 < 1s'), /\npassed: 1 of 1 thresholds met\n$/)
})

test('a void run says why, and that its figures are worth nothing', () => {
  const verdict = { state: 'void', reasons: ['sent 300ms late at p99'] } as const
  const text = textOf(madeReport({ a: { 200: [1] } }, { verdict }), 'p99 < 1s')
  assert.match(text, /^generator: did not keep up\n {2}sent 300ms late at p99$/m)
  assert.match(
    text,
    /\nvoid: the generator could not do what was asked, so these figures say nothing about the target\n$/
  )
})

test('parts of a run have a line each when there are several', () => {
  const one = madeReport({ a: { 200: [1] } })
  const phase = {
    name: 'step 1 of 2: 100/s',
    startMs: 0,
    durationMs: 5_000,
    counts: one.totals,
    latency: one.latency,
  }
  const text = textOf({ ...one, phases: [phase, { ...phase, name: 'step 2 of 2: 200/s' }] })
  assert.match(text, /^step 2 of 2: 200\/s +0\.1\/s +0\.1\/s +0\.1\/s +0 +1ms +1ms$/m)
  assert.doesNotMatch(textOf({ ...one, phases: [phase] }), /step 1/)
})

test('a run without a single answer has dashes, not NaN', () => {
  assert.doesNotMatch(textOf(madeReport({ a: { refused: [1] } })), /NaN|Infinity|undefined/)
})

test('what an answer put into a complaint does not steer the terminal', () => {
  const { journeys } = madeReport({})
  const complaints = [{ from: 'judge', request: 'a', message: 'got "\u001b[2J"', count: 2 }] as const
  const text = textOf(madeReport({ a: { 200: [1] } }, { journeys: { ...journeys, complaints } }))
  assert.match(text, /^a: got " \[2J" \(2 times\)$/m)
})

test("a run that is void for the scenario's own code says so, and what failed", () => {
  const { journeys } = madeReport({})
  const complaints = [{ from: 'code', request: 'a', message: 'no id (at load.ts:2:1)', count: 2 }] as const
  const text = textOf(madeReport({ a: { 200: [1] } }, { journeys: { ...journeys, complaints } }))
  assert.match(text, /^generator: kept up$/m)
  assert.match(text, /^the scenario failed: no id \(at load\.ts:2:1\) \(2 times\)$/m)
  assert.match(
    text,
    /\nvoid: the scenario's own code failed, so these figures say nothing about the target\n$/
  )
})
