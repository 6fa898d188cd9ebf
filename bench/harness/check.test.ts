import assert from 'node:assert/strict'
import { test } from 'node:test'
import { atLeast, atMost } from './check.ts'

test('a check holds on its bound, and fails past it', () => {
  assert.equal(atLeast('floor', 0.9, 'ratio', 0.9).ok, true)
  assert.equal(atLeast('floor', 0.899, 'ratio', 0.9).ok, false)
  assert.equal(atMost('failed', 0, 'requests', 0).ok, true)
  assert.equal(atMost('failed', 1, 'requests', 0).ok, false)
})

test('a figure that was not measured fails its check', () => {
  assert.equal(atLeast('floor', Number.NaN, 'ratio', 0).ok, false)
  assert.equal(atMost('failed', Number.NaN, 'requests', 10).ok, false)
})

test('a check says its target', () => {
  assert.equal(atLeast('floor', 1, 'ratio', 0.9).target, '>= 0.9')
  assert.equal(atMost('failed', 1, 'requests', 0).target, '<= 0')
})
