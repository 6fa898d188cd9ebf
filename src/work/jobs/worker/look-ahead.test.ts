import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LookAhead } from './look-ahead.ts'

function after (ms: number, runs = 300): number {
  const ahead = new LookAhead(10, 500)
  for (let run = 0; run < runs; run++) ahead.ran(ms)
  return ahead.jobs
}

test('nothing is taken ahead before it is known how long jobs take', () => {
  assert.equal(new LookAhead(10, 500).jobs, 0)
})

test('tiny jobs are taken by the hundred, up to the most; long ones not at all', () => {
  assert.equal(after(0), 500)
  assert.equal(after(0.1), 500)
  assert.equal(after(5), 100)
  assert.equal(after(100), 5)
  assert.equal(after(2_000), 0)
})

test('jobs that become slow are noticed within some tens of runs, and at once when others waited in vain', () => {
  const ahead = new LookAhead(10, 500)
  for (let run = 0; run < 100; run++) ahead.ran(0.1)
  for (let run = 0; run < 40; run++) ahead.ran(1_000)
  assert.equal(ahead.jobs, 0)
  const surprised = new LookAhead(10, 500)
  surprised.ran(0.1)
  surprised.waited(1_000)
  assert.equal(surprised.jobs, 0)
})

test('large payloads are not taken by the hundred, however fast they are done', () => {
  const ahead = new LookAhead(10, 500)
  ahead.ran(0.1)
  ahead.took(10, 10 * 200_000)
  assert.equal(ahead.jobs, 40)
})
