import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SettingError } from '../../kernel/index.ts'
import type { CachePolicy } from './policy.ts'
import { type CachedRouteOptions, resolvePolicy } from './route-policy.ts'

const policy: CachePolicy = { ttl: '10s', scope: 'public' }
const route: CachedRouteOptions = {
  name: 'GET /things/:id',
  method: 'GET',
  pattern: '/things/:id',
  knows: { tenant: true, user: true },
  policy,
}

type Row = readonly [claim: string, policy: object, setting: string, route?: Partial<CachedRouteOptions>]

const nobody = { knows: { tenant: false, user: false } }

const refused: readonly Row[] = [
  ['no ttl', { ttl: undefined }, 'ttl'],
  ['a ttl of 0', { ttl: 0 }, 'ttl'],
  ['a negative ttl', { ttl: -1 }, 'ttl'],
  ['a ttl without a unit', { ttl: '10' }, 'ttl'],
  ['a ttl above a year', { ttl: '366d' }, 'ttl'],
  ['a negative stale time', { staleWhileRevalidate: -1 }, 'staleWhileRevalidate'],
  ['an endless stale time', { staleIfError: Infinity }, 'staleIfError'],
  ['no scope', { scope: undefined }, 'scope'],
  ['an unknown scope', { scope: 'everybody' }, 'scope'],
  ['a tenant that nobody knows', { scope: 'tenant' }, 'scope', nobody],
  ['a user that nobody knows', { scope: 'user' }, 'scope', nobody],
  ['public answers of a route that asks who calls', {}, 'scope', { identified: true }],
  ['a route that is verified later', { scope: 'user' }, '', { guarded: true }],
  ['another method', {}, '', { method: 'POST' }],
  ['a key by credentials', { vary: ['Authorization'] }, 'vary'],
  ['a key by cookies', { vary: ['cookie'] }, 'vary'],
  ['a key by everything', { vary: ['*'] }, 'vary'],
  ['a header that is none', { vary: ['x y'] }, 'vary'],
  ['no list of headers', { vary: 'x-flag' }, 'vary'],
  ['a tag with an unknown parameter', { tags: ['product:{name}'] }, 'tags'],
  ['a tag with a space', { tags: ['a b'] }, 'tags'],
  ['a tag with a comma', { tags: ['a,b'] }, 'tags'],
  ['a tag with a line break', { tags: ['a\r\nx: y'] }, 'tags'],
  ['a tag with an open brace', { tags: ['a{id'] }, 'tags'],
  ['an empty tag', { tags: [''] }, 'tags'],
  ['tags that are no list', { tags: 'a' }, 'tags'],
  ['too many tags', { tags: Array.from({ length: 257 }, (_, at) => `t${at}`) }, 'tags'],
  ['no list of query parts', { query: 'page' }, 'query'],
  ['an empty query part', { query: [''] }, 'query'],
  ['no locale', { locales: [] }, 'locales'],
  ['a locale with a comma', { locales: ['de, en'] }, 'locales'],
  ['no type', { types: [] }, 'types'],
  ['a version that is no function', { version: 7 }, 'version'],
  ['an unknown time to check it', { checkVersion: 'never' }, 'checkVersion'],
  ['an encoding that nobody makes', { encodings: ['lzma'] }, 'encodings'],
  ['an unknown word on credentials', { credentials: 'include' }, 'credentials'],
  ['an unknown word on clients', { clientDirectives: true }, 'clientDirectives'],
  ['an unknown word on outages', { whenUnreachable: 'hope' }, 'whenUnreachable'],
  ['a misspelt member', { staleWhileRevalidat: '1s' }, 'staleWhileRevalidat'],
]

for (const [claim, given, setting, more = {}] of refused) {
  test(`policy: ${claim} is refused at boot`, () => {
    const options = { ...route, ...more, policy: { ...policy, ...given } as CachePolicy }
    assert.throws(() => resolvePolicy(options, ['gzip']), (error) => {
      assert.ok(error instanceof SettingError, String(error))
      assert.equal(error.setting, `GET /things/:id config.cache${setting === '' ? '' : `.${setting}`}`)
      return true
    })
  })
}

test('policy: no policy at all is refused', () => {
  assert.throws(() => resolvePolicy({ ...route, policy: null as never }, []), SettingError)
})

test('policy: a route that asks who calls may be public, if it says so twice', () => {
  const options = { ...route, identified: true, policy: { ...policy, credentials: 'ignore' } as const }
  assert.equal(resolvePolicy(options, []).bypassesCredentials, false)
})

test('policy: what is left out has its default', () => {
  const resolved = resolvePolicy(route, ['br', 'gzip'])
  assert.deepEqual(
    { ...resolved, tagsOf: undefined, keyedHeaders: [...resolved.keyedHeaders] },
    {
      ttlMs: 10_000,
      staleWhileRevalidateMs: 0,
      staleIfErrorMs: 0,
      negativeMs: 0,
      scope: 'public',
      bypassesCredentials: true,
      tagsOf: undefined,
      query: undefined,
      vary: [],
      locales: undefined,
      types: undefined,
      version: undefined,
      checksVersionAlways: false,
      encodings: ['br', 'gzip'],
      honoursClient: false,
      servesUnreachable: true,
      keyedHeaders: ['accept-encoding', 'host'],
    }
  )
})

test('policy: tags take parameters of the path, and the parts of the query are those of the schema', () => {
  const tags = ['all', 'product:{id}', '{id}/{*}']
  const resolved = resolvePolicy({
    ...route,
    pattern: '/a/:id/*',
    queryNames: ['b', 'a'],
    policy: { ...policy, tags },
  }, [])
  assert.deepEqual(resolved.tagsOf(undefined, { id: '7', '*': 'x' }), ['all', 'product:7', '7/x'])
  assert.deepEqual(resolved.query, ['b', 'a'])
  assert.deepEqual(
    resolvePolicy({ ...route, queryNames: ['b'], policy: { ...policy, query: [] } }, []).query,
    []
  )
})
