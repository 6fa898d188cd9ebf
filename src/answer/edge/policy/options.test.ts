import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SettingError } from '../../../kernel/index.ts'
import { MetricsRegistry } from '../../../telemetry/index.ts'
import { EdgeHeaders } from './edge-headers.ts'
import type { EdgePolicyOptions } from './options.ts'

const registry = new MetricsRegistry()
const good: EdgePolicyOptions = { ttl: '30s', scope: 'public' }

const wrong: readonly (readonly [setting: string, policy: Record<string, unknown>])[] = [
  ['cache.ttl', { ttl: undefined }],
  ['cache.ttl', { ttl: '30' }],
  ['cache.ttl', { ttl: -1 }],
  ['cache.ttl', { ttl: '36500d' }],
  ['cache.ttl', { ttl: Infinity }],
  ['cache.scope', { scope: undefined }],
  ['cache.scope', { scope: 'private' }],
  ['cache.browser', { browser: 'soon' }],
  ['cache.staleIfError', { staleIfError: NaN }],
  ['cache.cdn.ttl', { cdn: { ttl: '1 day' } }],
  ['cache.negative', { negative: {} }],
  ['cache.vary', { vary: ['*'] }],
  ['cache.vary', { vary: ['a b'] }],
  ['cache.vary', { vary: ['a\r\nset-cookie: b'] }],
  ['cache.cdn.keyedBy', { cdn: { keyedBy: ['x:tenant'] } }],
  ['cache.cdn', { cdn: true }],
  ['cache.cdn', { cdn: { maxAge: '1h' } }],
  ['cache.cdn.staleIfError', { cdn: { staleIfError: -1 } }],
  ['cache.immutable', { immutable: true, browser: 0 }],
  ['cache.immutable', { immutable: true, ttl: '500ms' }],
]

for (const [setting, policy] of wrong) {
  test(`a policy with ${JSON.stringify(policy)} stops the boot, and names ${setting} of the route`, () => {
    const edge = new EdgeHeaders({ registry })
    assert.throws(
      () => edge.route('GET /x', { ...good, ...policy } as EdgePolicyOptions),
      (error) => error instanceof SettingError && error.setting === `GET /x: ${setting}`
    )
  })
}

test('wrong options of the whole service stop the boot', () => {
  for (
    const [setting, options] of [
      ['edge.edges', { edges: ['akamai'] }],
      ['edge.edges', { edges: ['constructor'] }],
      ['edge.namespace', { namespace: 'a b' }],
      ['edge.namespace', { namespace: '' }],
      ['edge.whenTooMany', { whenTooMany: 'error' }],
      ['edge.credentials', { credentials: ['*'] }],
    ] as const
  ) {
    assert.throws(
      () => new EdgeHeaders({ registry, ...options as object }),
      (error) => error instanceof SettingError && error.setting === setting
    )
  }
})
