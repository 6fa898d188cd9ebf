import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Recorder } from './recorder.ts'

test('an interval tells unexpected outcomes by kind, and the next one begins anew', () => {
  const recorder = new Recorder([false])
  const counted = { record: recorder.record('a'), phase: 0 }
  const ending = { latencyMs: 1, serviceMs: 1, bytesReceived: 0 }
  recorder.ended(counted, { ...ending, outcome: 503, expected: false })
  recorder.ended(counted, { ...ending, outcome: 503, expected: false })
  recorder.ended(counted, { ...ending, outcome: 'timeout', expected: false })
  recorder.ended(counted, { ...ending, outcome: 200, expected: true })
  assert.deepEqual(recorder.takeInterval().failures, { 503: 2, timeout: 1 })
  assert.deepEqual(recorder.takeInterval().failures, {})
})

test('complaints without end are counted together, and do not hide that code failed', () => {
  const recorder = new Recorder([false])
  for (let id = 0; id < 100; id++) recorder.complain('judge', 'a', `the id is ${id}`)
  recorder.complain('code', 'b', 'no way')
  recorder.complain('code', 'c', 'no other way')
  const { complaints } = recorder.toData()
  assert.equal(complaints.length, 22)
  assert.equal(complaints.reduce((sum, { count }) => sum + count, 0), 102)
  assert.deepEqual(complaints.filter(({ from }) => from === 'code').map(({ count }) => count), [2])
})
