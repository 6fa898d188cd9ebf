import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BuildProgress } from './build-progress.ts'

const build = { build: 3, version: 2, events: 0, lagMs: 90_000, failure: undefined }

test('a build that has not moved for 10 s makes one ask who works on it; one that moves does not', () => {
  const progress = new BuildProgress()
  assert.equal(progress.line(build, 5_000), 'build 3: 0 events, 1m behind')
  assert.equal(progress.line(build, 14_999), 'build 3: 0 events, 1m behind')
  assert.match(progress.line(build, 15_000), /; nothing moves: does a process .* run version 2\?$/)
  assert.equal(progress.line({ ...build, events: 7 }, 16_000), 'build 3: 7 events, 1m behind')
  assert.equal(progress.line({ ...build, events: 7 }, 25_000), 'build 3: 7 events, 1m behind')
})

test('a build that has caught up, and one that is stuck, say so', () => {
  const progress = new BuildProgress()
  assert.equal(progress.line({ ...build, lagMs: 0 }, 0), 'build 3: 0 events')
  const failure = { event: 'e-1', type: 'product.sold', message: 'no such column' }
  assert.match(
    progress.line({ ...build, failure }, 60_000),
    /^build 3: 0 events, 1m behind; stuck at event e-1 \(product\.sold\): no such column$/
  )
})
