import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LoadReport } from '../report.ts'
import { parseThreshold } from '../thresholds/index.ts'
import { conclude, type RunState } from './conclusion.ts'
import { madeReport } from './report.fixture.ts'

const met = parseThreshold('p99 < 1s')
const missed = parseThreshold('p99 < 1ms')

function stateOf (changes: Partial<LoadReport>, ...thresholds: Parameters<typeof conclude>[1]): RunState {
  return conclude(madeReport({ a: { 200: [5, 6] } }, changes), thresholds).state
}

test('a run passes when all its thresholds are met, and fails with one that is not', () => {
  assert.equal(stateOf({}), 'passed')
  assert.equal(stateOf({}, met), 'passed')
  assert.equal(stateOf({}, met, missed), 'failed')
})

test('a void run never passes, whatever its figures, and says why', () => {
  const verdict = { state: 'void', reasons: ['sent 300ms late'] } as const
  assert.equal(stateOf({ verdict }, met), 'void')
  assert.equal(stateOf({ verdict }, missed), 'void')
  assert.deepEqual(conclude(madeReport({}, { verdict }), []).reasons, ['sent 300ms late'])
})

test('a run that was cut short is judged by nothing', () => {
  assert.equal(stateOf({ aborted: true }, met), 'interrupted')
})

test('a scenario whose own code failed voids the run; what it said of answers does not', () => {
  const journeys = (from: 'judge' | 'code'): Pick<LoadReport, 'journeys'> => ({
    journeys: {
      started: 2,
      completed: 1,
      broken: 1,
      unfinished: 0,
      complaints: [{ from, request: 'a', message: 'no id', count: 3 }],
    },
  })
  assert.equal(stateOf(journeys('code'), met), 'void')
  assert.deepEqual(conclude(madeReport({}, journeys('code')), []).reasons, ['no id (3 times)'])
  assert.equal(stateOf(journeys('judge'), met), 'passed')
})

test('without thresholds a run fails only when nothing was answered as expected', () => {
  assert.equal(conclude(madeReport({ a: { 503: [1] } }), []).state, 'failed')
  assert.equal(conclude(madeReport({ a: { 503: [1], 200: [1] } }), []).state, 'passed')
  assert.equal(conclude(madeReport({}), []).state, 'failed')
})
