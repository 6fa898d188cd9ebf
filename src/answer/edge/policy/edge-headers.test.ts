import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDictionary, parseList } from 'structured-headers'
import { MetricsRegistry } from '../../../telemetry/index.ts'
import { type EdgeAnswer, EdgeHeaders, type EdgeHeadersOptions } from './edge-headers.ts'
import type { EdgePolicyOptions } from './options.ts'

const product: EdgePolicyOptions = {
  ttl: '30s',
  staleWhileRevalidate: '5m',
  staleIfError: '1h',
  scope: 'public',
  tags: ['product:{id}'],
}

function headersOf (
  policy: EdgePolicyOptions,
  answer: Partial<EdgeAnswer> = {},
  options: Partial<EdgeHeadersOptions> = {}
): Record<string, string> {
  const edge = new EdgeHeaders({ registry: new MetricsRegistry(), ...options })
  return Object.fromEntries(edge.route('GET /products/:id', policy).headersFor({ status: 200, ...answer }))
}

test('one policy gives browsers, CDNs and purges each their own header', () => {
  const all = { edges: ['varnish', 'fastly', 'cloudflare'], groups: true } as const
  assert.deepEqual(
    headersOf({ ...product, locales: ['en', 'de'] }, { tags: ['product:7', 'shelf 3'] }, all),
    {
      'cache-control': 'public, no-cache',
      'cdn-cache-control': 'max-age=30, stale-while-revalidate=300, stale-if-error=3600',
      'surrogate-control': 'max-age=30, stale-while-revalidate=300, stale-if-error=3600',
      'vary': 'accept-language',
      'surrogate-key': 'product:7 shelf%203',
      'cache-tag': 'product:7,shelf%203',
      'cache-groups': '"product:7", "shelf%203"',
    }
  )
})

test('an edge that is not named gets no header of its own', () => {
  const fastly = headersOf(product, { tags: ['a'] }, { edges: ['fastly'] })
  assert.deepEqual(Object.keys(fastly), ['cache-control', 'surrogate-control', 'surrogate-key'])
  assert.deepEqual(Object.keys(headersOf(product, { tags: ['a'] }, { edges: [] })), ['cache-control'])
})

test('browsers keep what no purge needs to reach; what has tags they ask for each time', () => {
  const { tags: _, ...untagged } = product
  assert.equal(headersOf(untagged)['cache-control'], 'public, max-age=30')
  assert.equal(headersOf({ ...product, tags: () => ['x'] })['cache-control'], 'public, no-cache')
  assert.equal(headersOf({ ...product, browser: '10s' })['cache-control'], 'public, max-age=10')
  assert.equal(
    headersOf({ ...product, ttl: '365d', immutable: true })['cache-control'],
    'public, max-age=31536000, immutable'
  )
})

test('s-maxage is never written, since it would forbid to serve anything stale', () => {
  for (const [name, value] of Object.entries(headersOf({ ...product, browser: '1m' }, { tags: ['a'] }))) {
    assert.doesNotMatch(value, /s-maxage|must-revalidate|proxy-revalidate/, name)
  }
})

test('times at the edge are apart from those of the origin', () => {
  const cdn = { ttl: '1d', staleWhileRevalidate: '2d', staleIfError: 0 } as const
  assert.equal(
    headersOf({ ...product, cdn })['cdn-cache-control'],
    'max-age=86400, stale-while-revalidate=172800'
  )
  assert.equal(headersOf({ ...product, cdn: false }, { tags: ['a'] })['cdn-cache-control'], 'no-store')
  assert.equal(headersOf({ ...product, cdn: false }, { tags: ['a'] })['surrogate-key'], undefined)
  assert.match(headersOf({ ...product, ttl: '1999ms' })['cdn-cache-control'] ?? '', /^max-age=1,/)
})

test('what is not public stays out of CDNs, unless they are said to key on it', () => {
  for (const scope of ['tenant', 'user', () => 'group'] as const) {
    const headers = headersOf({ ...product, scope }, { tags: ['a'] })
    assert.deepEqual(headers, {
      'cache-control': 'private, no-cache',
      'cdn-cache-control': 'no-store',
      'surrogate-control': 'no-store',
      'vary': 'authorization, cookie',
    })
  }
  const keyed = headersOf({ ...product, scope: 'tenant', cdn: { keyedBy: ['X-Tenant'] } }, { tags: ['a'] })
  assert.equal(keyed['cache-control'], 'private, no-cache')
  assert.match(keyed['cdn-cache-control'] ?? '', /^max-age=30/)
  assert.equal(keyed['vary'], 'x-tenant')
})

test('failures are kept by nobody, what is missing as long as the policy says', () => {
  for (const status of [400, 401, 403, 429, 500, 503, 302]) {
    const headers = headersOf(product, { status, tags: ['a'] })
    assert.deepEqual(
      [headers['cache-control'], headers['cdn-cache-control']],
      ['no-store', 'no-store'],
      String(status)
    )
    assert.equal(headers['surrogate-key'], undefined)
  }
  assert.equal(headersOf(product, { status: 404 })['cdn-cache-control'], 'no-store')
  const missing = headersOf({ ...product, browser: '1m', negative: '10s' }, {
    status: 404,
    tags: ['product:7'],
  })
  assert.deepEqual([missing['cache-control'], missing['cdn-cache-control'], missing['surrogate-key']], [
    'public, no-cache',
    'max-age=10',
    'product:7',
  ])
})

test('a response that depends on its caller is kept by nobody in between, whatever the route says', () => {
  for (const answer of [{ personal: true }, { headers: { 'set-cookie': ['a=1'] } }]) {
    const headers = headersOf(product, { ...answer, tags: ['a'] })
    assert.deepEqual([headers['cache-control'], headers['cdn-cache-control'], headers['surrogate-key']], [
      'private, no-cache',
      'no-store',
      undefined,
    ])
  }
})

test('a handler can forbid or shorten what the policy allows, and cannot lengthen it', () => {
  const said = (control: string): readonly unknown[] => {
    const headers = headersOf({ ...product, browser: '20s' }, { headers: { 'cache-control': control } })
    return [headers['cache-control'], headers['cdn-cache-control']]
  }
  assert.deepEqual(said('no-store'), ['no-store', 'no-store'])
  for (const personal of ['private', 'PRIVATE=""', 'no-cache="x"', 'max-age=9, no-cache']) {
    assert.deepEqual(said(personal), ['private, no-cache', 'no-store'], personal)
  }
  const stale = 'stale-while-revalidate=300, stale-if-error=3600'
  assert.deepEqual(said('public, max-age=5'), ['public, max-age=5', `max-age=5, ${stale}`])
  assert.deepEqual(said('max-age=5, s-maxage=10'), ['public, max-age=5', `max-age=10, ${stale}`])
  assert.deepEqual(said('max-age=99999'), ['public, max-age=20', `max-age=30, ${stale}`])
  assert.deepEqual(said('max-age=x'), ['public, no-cache', `max-age=0, ${stale}`])
  assert.deepEqual(said('max-age=9, must-revalidate'), ['public, max-age=9', 'max-age=9'])
})

test("a handler's Vary is kept beside the policy's; what varies on everything is kept by nobody", () => {
  const policy: EdgePolicyOptions = { ...product, vary: ['X-Currency'], types: ['application/json'] }
  assert.equal(
    headersOf(policy, { headers: { vary: 'Accept-Encoding, x-currency' } })['vary'],
    'x-currency, accept, accept-encoding'
  )
  assert.equal(headersOf(policy, { headers: { vary: 'accept, *' } })['cdn-cache-control'], 'no-store')
})

test('more tags than a header takes keep a response out of CDNs, and are counted; nothing is cut off', () => {
  const registry = new MetricsRegistry()
  const tags = Array.from({ length: 1_001 }, (_, i) => `product:${i}`)
  const headers = headersOf({ ...product, browser: '5s' }, { tags }, { registry })
  assert.deepEqual([headers['cache-control'], headers['cdn-cache-control'], headers['surrogate-key']], [
    'public, max-age=5',
    'no-store',
    undefined,
  ])
  assert.equal(
    headersOf(product, { tags: ['x', ...Array(999).fill('y')] }, { registry })['surrogate-key'],
    'x y'
  )
  const counted = registry.snapshot().families.find(({ name }) =>
    name === 'plimsoll_edge_too_many_tags_total'
  )
  assert.deepEqual([counted?.labelValues, [...counted?.values ?? []]], [['GET /products/:id'], [1]])
  const missing = headersOf({ ...product, browser: '5s', negative: '5s' }, { status: 404, tags })
  assert.deepEqual([missing['cache-control'], missing['cdn-cache-control']], ['no-store', 'no-store'])
  const many = Array.from({ length: 1_001 }, (_, i) => String(i))
  assert.equal(
    headersOf(product, { tags: many }, { edges: ['cloudflare'] })['cache-tag'],
    undefined,
    'too many tags'
  )
  assert.notEqual(
    headersOf(product, { tags: many.slice(1) }, { edges: ['cloudflare'] })['cache-tag'],
    undefined
  )
})

test('folded, too many tags share 256 keys, and a purge of any of them names its own', () => {
  const edge = new EdgeHeaders({ registry: new MetricsRegistry(), whenTooMany: 'fold', namespace: 'shop' })
  const tags = Array.from({ length: 5_000 }, (_, i) => `product:${i}`)
  const headers = Object.fromEntries(edge.route('GET /all', product).headersFor({ status: 200, tags }))
  const keys = new Set(headers['surrogate-key']?.split(' '))
  assert.ok(keys.size <= 256)
  for (const tag of tags) assert.ok(edge.keys.toPurge([tag]).some((key) => keys.has(key)), tag)
  assert.match(headers['cdn-cache-control'] ?? '', /max-age=30/)
})

test('where the policy alone decides, responses share one array', () => {
  const route = new EdgeHeaders({ registry: new MetricsRegistry() }).route('GET /', product)
  assert.equal(route.headersFor({ status: 200 }), route.headersFor({ status: 200, headers: { etag: '"1"' } }))
})

test('any tags and policies give headers that can be read back, and only within their limits', () => {
  const registry = new MetricsRegistry()
  const edge = new EdgeHeaders({ registry, edges: ['varnish', 'fastly', 'cloudflare'], groups: true })
  const ttl = fc.integer({ min: 0, max: 10 ** 9 })
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.string()), { maxLength: 60 }),
      fc.record({
        ttl,
        staleWhileRevalidate: ttl,
        staleIfError: ttl,
        scope: fc.constantFrom('public', 'tenant'),
      }),
      (tags, policy) => {
        const pairs = edge.route('GET /', policy as EdgePolicyOptions).headersFor({ status: 200, tags })
        const headers = Object.fromEntries(pairs)
        for (const [name, value] of pairs) {
          assert.match(value, /^[\x20-\x7e]*$/, name)
          assert.ok(value.length <= 16_384)
        }
        parseDictionary(headers['cdn-cache-control'] ?? '')
        const keys = headers['surrogate-key']?.split(' ') ?? []
        assert.deepEqual(headers['cache-tag']?.split(',') ?? [], keys)
        if (headers['cache-groups'] !== undefined) {
          assert.equal(parseList(headers['cache-groups']).length, Math.min(32, keys.length))
        }
        if (keys.length > 0) assert.deepEqual(new Set(keys), new Set(tags.map((tag) => edge.keys.of(tag))))
      }
    ),
    { numRuns: 200 }
  )
})
