import assert from 'node:assert/strict'
import { test } from 'node:test'
import { misspeltSetting } from './misspelt-setting.ts'

const nearly: readonly (readonly [string, string])[] = [
  ['limits', 'limit'],
  ['Limit', 'limit'],
  ['limti', 'limit'],
  ['cached', 'cache'],
  ['chache', 'cache'],
  ['idempotent', 'idempotency'],
  ['idempotencyKey', 'idempotency'],
  ['criticallity', 'criticality'],
  ['deadlines', 'deadline'],
  ['version', 'versions'],
  ['respondasync', 'respondAsync'],
]

test('a name that is nearly a setting is told with the setting', () => {
  assert.deepEqual(nearly.map(([name]) => [name, misspeltSetting(name)]), nearly)
})

test('settings, and names of other plugins, pass', () => {
  const others = [
    'limit',
    'idempotency',
    'export',
    'url',
    'method',
    'rateLimit',
    'swagger',
    'rawBody',
    'auth',
  ]
  const more = ['cacheControl', 'files', 'name', 'tags', 'csrf', 'websocket', 'template', 'state', 'cors', '']
  assert.deepEqual([...others, ...more].filter((name) => misspeltSetting(name) !== undefined), [])
})
