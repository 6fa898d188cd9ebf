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

test('one text cut into parts in two ways makes two keys', () => {
  const keys = maker({ vary: ['x-flag'], query: ['a'] })
  const cuts = fc.array(fc.nat(8), { minLength: 4, maxLength: 4 })
  fc.assert(
    fc.property(fc.stringMatching(/^[1-3:j-]{8}$/), cuts, cuts, (whole, one, other) => {
      const keyOf = (given: readonly number[]): readonly [key: string, parts: string] => {
        const [a = 0, b = 0, c = 0, d = 0] = given.toSorted((left, right) => left - right)
        const [user, origin, path, flag, query] = [
          `u${whole.slice(0, a)}`,
          whole.slice(a, b),
          whole.slice(b, c),
          whole.slice(c, d),
          whole.slice(d),
        ]
        const asked = { user, origin, url: `${path}?`, headers: { 'x-flag': flag }, query: { a: query } }
        return [String(keys.of(asking(asked))), JSON.stringify([user, origin, path, flag, query])]
      }
      const [[key, parts], [otherKey, otherParts]] = [keyOf(one), keyOf(other)]
      assert.equal(key === otherKey, parts === otherParts)
    }),
    { numRuns: 300 }
  )
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
