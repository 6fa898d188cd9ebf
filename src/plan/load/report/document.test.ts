import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseThreshold } from '../thresholds/index.ts'
import { conclude } from './conclusion.ts'
import { reportDocument } from './document.ts'
import { madeReport } from './report.fixture.ts'

test('the document holds the version, what was run, how it ended and every figure, and survives JSON', () => {
  const report = madeReport({ a: { 200: [5], timeout: [10_000] } })
  const head = { target: 'http://127.0.0.1:1', scenario: undefined, load: 'x', seed: 1, timeoutMs: 10_000 }
  const conclusion = conclude(report, [parseThreshold('p99 < 1s')])
  const document = JSON.parse(JSON.stringify(reportDocument(report, conclusion, head, '0.1.0')))
  assert.deepEqual(Object.keys(document).toSorted(), [
    'aborted',
    'connecting',
    'connections',
    'dispatchLag',
    'health',
    'journeys',
    'latency',
    'load',
    'measuredMs',
    'phases',
    'plimsoll',
    'reasons',
    'requests',
    'scenario',
    'seed',
    'serviceTime',
    'startedAt',
    'state',
    'target',
    'thresholds',
    'timeline',
    'timeoutMs',
    'totals',
    'version',
  ])
  assert.deepEqual([document.version, document.state, document.scenario], [1, 'failed', null])
  assert.equal(document.startedAt, '2025-11-23T00:00:00.000Z')
  assert.deepEqual(document.thresholds, [
    { threshold: 'p99 < 1s', passed: false, actual: null, missing: 'no-answer', bound: 1_000, unit: 'ms' },
  ])
  assert.equal(document.requests[0].outcomes[0].count, 1)
})
