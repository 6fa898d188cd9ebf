import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isBatch, parameterKey } from './parameters.ts'

test('equal parameters have equal keys, and different ones do not', () => {
  const long = 'x'.repeat(5_000)
  const groups: unknown[][][] = [
    [[1], [1]],
    [['1']],
    [[null]],
    [[undefined]],
    [['null']],
    [[true]],
    [[1n]],
    [[1, 2]],
    [[12]],
    [['a', 'b']],
    [['ab', '']],
    [[new Date(5)], [new Date(5)]],
    [[5]],
    [[Buffer.from('ab')], [new Uint8Array([97, 98])]],
    [[{ a: 1 }], [{ a: 1 }]],
    [['{"a":1}']],
    [[long], [long]],
    [[`${long.slice(0, 2_500)}y${long.slice(2_501)}`]],
  ]
  const keys = groups.map((group) => group.map(parameterKey))
  for (const group of keys) assert.equal(new Set(group).size, 1)
  assert.equal(new Set(keys.map(([first]) => first)).size, groups.length)
})

test('a value that cannot be told does not break the statement', () => {
  const circle: Record<string, unknown> = {}
  circle['self'] = circle
  assert.equal(typeof parameterKey([circle]), 'string')
})

test('a list of several is a batch, and a list of one is not', () => {
  assert.equal(isBatch([[1, 2]]), true)
  assert.equal(isBatch([[1]]), false)
  assert.equal(isBatch(['abc', Buffer.from('abc')]), false)
  assert.equal(isBatch(undefined), false)
})
