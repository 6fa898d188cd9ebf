import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseList } from 'structured-headers'
import { cacheGroups } from './cache-groups.ts'

test('groups are a structured list of strings: at most 32, each of at most 32 characters', () => {
  const keys = Array.from({ length: 40 }, (_, i) => `${i}:`.padEnd(20 + i, 'x'))
  const groups = parseList(cacheGroups(keys)).map(([group]) => String(group))
  assert.equal(groups.length, 32)
  assert.equal(new Set(groups).size, 32)
  assert.ok(groups.every((group) => group.length <= 32))
  assert.deepEqual(groups.slice(0, 13), keys.slice(0, 13), 'those that fit are as they are')
})
