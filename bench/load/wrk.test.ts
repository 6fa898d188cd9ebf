import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseWrk } from './wrk.ts'

test('the summary is found in the output of wrk, and the rate follows from it', () => {
  const output = 'Running 2s test @ http://x\n{"requests":3000,"seconds":1.5,"errors":1,"p99Ms":2.5}\n'
  assert.deepEqual(parseWrk(output), {
    requests: 3000,
    seconds: 1.5,
    errors: 1,
    p99Ms: 2.5,
    requestsPerSecond: 2000,
  })
})

test('output without a summary is shown in the error', () => {
  assert.throws(() => parseWrk('unable to connect'), /no summary:\nunable to connect/)
})
