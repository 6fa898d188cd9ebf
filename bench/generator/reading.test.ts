import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readWrkLatency } from './accuracy.ts'
import { splitTimes, timedRun } from './timed-run.ts'

test('the times of the children are told apart from the output', () => {
  assert.deepEqual(splitTimes('{"a":1}\n\n0m0.01s 0m0.00s\n1m1.250s 0m0.5s\n'), {
    stdout: '{"a":1}\n',
    cpuSeconds: 61.75,
  })
  assert.throws(() => splitTimes('sh: not found'), /no times/)
})

test('what a program burns is counted', async () => {
  const burn = 'let sum = 0; for (let at = 0; at < 3e8; at++) sum += at; console.log(sum > 0)'
  const { stdout, cpuSeconds } = await timedRun([process.execPath, '-e', burn])
  assert.equal(stdout.trim(), 'true')
  assert.ok(cpuSeconds > 0.05, `${cpuSeconds}`)
})

test("wrk's quantiles are read in milliseconds", () => {
  const output =
    '  Latency Distribution\n     50%  293.00us\n     75%    1.03ms\n     90%    2.94ms\n     99%    1.02s \n'
  const { p50Ms, p90Ms } = readWrkLatency(
    `${output.replace('1.02s ', '1.02s')}  20102 requests in 1.01s, 3.47MB read`
  )
  assert.deepEqual([p50Ms.toFixed(3), p90Ms], ['0.293', 2.94])
})
