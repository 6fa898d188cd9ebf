import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Asked, CachedService } from './cached-service.fixture.ts'
import { KeyMaker, NoKey } from './key.ts'
import type { CachePolicy } from './policy.ts'
import { resolvePolicy } from './route-policy.ts'

function maker (policy: Partial<CachePolicy<Asked>>, prefix = 'p'): KeyMaker<Asked> {
  const resolved = resolvePolicy<Asked>({
    name: 'GET /',
    method: 'GET',
    pattern: '/',
    knows: { tenant: true, user: true },
    policy: { ttl: 1, scope: 'user', ...policy },
  }, [])
  return new KeyMaker(prefix, resolved, () => {})
}

const { request } = CachedService.prototype
const service = new CachedService({}, () => ({ status: 200, headers: {}, body: '' }))
const asking = (asked: Asked): ReturnType<typeof request> => service.request(asked)

/** Texts that could be taken for the marks between parts. */
const text = fc.stringMatching(/^[0-3:j"-]{1,5}$/)
const parts = fc.record({
  user: text,
  tenant: fc.option(text, { nil: undefined }),
  origin: text,
  path: text,
  flag: fc.option(text, { nil: undefined }),
  a: fc.option(fc.oneof(text, fc.array(text, { minLength: 2, maxLength: 2 })), { nil: undefined }),
  b: fc.option(text, { nil: undefined }),
})

test('two requests have one key exactly when all that is keyed is the same', () => {
  for (const query of [['a', 'b'], undefined]) {
    const keys = maker({ vary: ['x-flag'], ...query === undefined ? {} : { query } })
    const keyOf = (given: typeof parts extends fc.Arbitrary<infer Given> ? Given : never): string => {
      const { user, tenant, origin, path, flag, a, b } = given
      const asked = {
        user,
        tenant,
        origin,
        url: `/${path}?`,
        headers: flag === undefined ? {} : { 'x-flag': flag },
        query: { ...b === undefined ? {} : { b }, ...a === undefined ? {} : { a } },
      }
      return String(keys.of(asking(asked)))
    }
    fc.assert(
      fc.property(parts, parts, (one, other) => {
        const isSame = JSON.stringify(Object.values(one)) === JSON.stringify(Object.values(other))
        assert.equal(keyOf(one) === keyOf(other), isSame)
      }),
      { numRuns: 500 }
    )
  }
})

test('the order of the query, and parts that were not chosen, make no other key', () => {
  const keys = maker({ scope: 'public', query: ['a', 'b'] })
  const keyOf = (url: string): string | NoKey => keys.of(asking({ url }))
  assert.equal(keyOf('/x?a=1&b=2&utm=3'), keyOf('/x?b=2&a=1'))
  assert.equal(keyOf('/x?utm=3'), keyOf('/x'))
  assert.notEqual(keyOf('/x?a=1'), keyOf('/x?b=1'))
  assert.notEqual(keyOf('/x?a=1&a=2'), keyOf('/x?a=2&a=1'))
  const all = maker({ scope: 'public' })
  assert.equal(all.of(asking({ url: '/x?a=1&b=2' })), all.of(asking({ url: '/x?b=2&a=1' })))
  assert.notEqual(all.of(asking({ url: '/x?a=1' })), all.of(asking({ url: '/x?a=1&utm=1' })))
})

test('languages and media types are keyed as negotiated; a type that nobody can serve passes by', () => {
  const keys = maker({
    scope: 'public',
    locales: ['en', 'de'],
    types: ['application/json', 'application/msgpack'],
  })
  const keyOf = (headers: Record<string, string>): string | NoKey => keys.of(asking({ headers }))
  assert.equal(keyOf({}), keyOf({ 'accept-language': 'fr, en;q=0.5', accept: '*/*' }))
  assert.equal(keyOf({ 'accept-language': 'de-AT' }), keyOf({ 'accept-language': 'de' }))
  assert.notEqual(keyOf({}), keyOf({ 'accept-language': 'de' }))
  assert.notEqual(keyOf({}), keyOf({ accept: 'application/msgpack' }))
  const none = keyOf({ accept: 'text/html' })
  assert.equal(none instanceof NoKey && none.reason, 'not-acceptable')
})

test('a route, a release and another way of keying have keys of their own', () => {
  const asked = asking({ user: 'u' })
  const makers = [
    maker({}),
    maker({}, 'other'),
    maker({ vary: ['x-flag'] }),
    maker({ vary: ['x-other'] }),
    maker({ scope: 'public' }),
    maker({ scope: (own) => own.user }),
    maker({ query: [] }),
  ]
  assert.equal(new Set(makers.map((keys) => keys.of(asked))).size, makers.length)
})
