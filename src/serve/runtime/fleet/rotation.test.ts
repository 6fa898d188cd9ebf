import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../../kernel/index.ts'
import { drawLimits, rotationDue } from './rotation.ts'

const off = { requests: 0, lifetimeMs: 0, memoryBytes: 0 }
const young = { requests: 10, ageMs: 1_000, memoryBytes: 50_000_000 }

test('without limits a worker is never due', () => {
  assert.equal(rotationDue(off, { requests: 1e9, ageMs: 1e12, memoryBytes: 1e12 }), undefined)
})

test('each limit makes a worker due when it is reached, not before', () => {
  assert.equal(rotationDue({ ...off, requests: 11 }, young), undefined)
  assert.equal(rotationDue({ ...off, requests: 10 }, young), 'requests')
  assert.equal(rotationDue({ ...off, lifetimeMs: 1_001 }, young), undefined)
  assert.equal(rotationDue({ ...off, lifetimeMs: 1_000 }, young), 'lifetime')
  assert.equal(rotationDue({ ...off, memoryBytes: 50_000_001 }, young), undefined)
  assert.equal(rotationDue({ ...off, memoryBytes: 50_000_000 }, young), 'memory')
})

test('jitter spreads workers within its share, and never below the limit', () => {
  const random = seededRandom(1)
  const drawn = Array.from(
    { length: 50 },
    () => drawLimits({ ...off, requests: 1_000, lifetimeMs: 60_000 }, 0.1, random)
  )
  assert.ok(drawn.every(({ requests }) => requests >= 1_000 && requests <= 1_100))
  assert.ok(drawn.every(({ lifetimeMs }) => lifetimeMs >= 60_000 && lifetimeMs < 66_000))
  assert.ok(new Set(drawn.map(({ requests }) => requests)).size > 25)
})

test('jitter does not lift the memory limit, and 0 stays off', () => {
  const drawn = drawLimits({ ...off, memoryBytes: 1_000 }, 0.5, () => 0.9)
  assert.deepEqual(drawn, { ...off, memoryBytes: 1_000 })
})
