import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CacheRequest, MadeResponse } from './cache-request.ts'
import { type Asked, CachedService, type Got } from './cached-service.fixture.ts'
import { negotiateLocale } from './negotiation.ts'
import type { CachePolicy } from './policy.ts'

const locales = ['en', 'de'] as const
const headerNames = ['x-flag', 'x-other', 'accept-language', 'cookie', 'authorization', 'origin'] as const

/** What a handler's answer may depend on, beside path and origin. */
type Input = typeof headerNames[number] | 'tenant' | 'user' | 'a' | 'b'

interface Case {
  readonly policy: CachePolicy<Asked>
  readonly dependsOn: ReadonlySet<Input>
}

const word = fc.constantFrom('', '1', '2', '1:1', '-', 'j1:1', '\u00e4')
const optional = fc.option(word, { nil: undefined })

const asked: fc.Arbitrary<Asked> = fc.record({
  id: fc.constantFrom('1', '2', '1%2f', '1:1'),
  origin: fc.constantFrom('https://shop.example', 'https://evil.example', 'http://shop.example'),
  search: fc.constantFrom(
    '',
    '?',
    '?a=1',
    '?%61=1',
    '?a=2',
    '?b=1&a=1',
    '?a=1&b=1',
    '?a=1&a=2',
    '?a=2&a=1',
    '?utm=1',
    '?a=1%26b=1',
    '?a=1;b=1'
  ),
  tenant: optional,
  user: optional,
  headers: fc.record(
    {
      'x-flag': word,
      'x-other': word,
      'accept-language': fc.constantFrom('de', 'en', 'fr', 'de;q=0.1, en;q=0.9', '*'),
      cookie: fc.constantFrom(undefined, undefined, undefined, '1', '2'),
      authorization: fc.constantFrom(undefined, undefined, undefined, 'Bearer a', 'Bearer b'),
      origin: fc.constantFrom('https://a.example', 'https://b.example'),
      range: fc.constantFrom('bytes=0-1', 'bytes=1-'),
      'if-none-match': fc.constantFrom('"x"', '*x'),
      'cache-control': fc.constantFrom('no-cache', 'max-age=0', 'no-store', 'max-stale'),
    },
    { requiredKeys: [] }
  ),
  method: fc.constantFrom('GET', 'GET', 'GET', 'HEAD'),
}).map(({ id, search, ...rest }) => ({ ...rest, url: `/things/${id}${search}` }))

const cases: fc.Arbitrary<Case> = fc.record({
  scope: fc.constantFrom<CachePolicy<Asked>['scope'][]>(
    'public',
    'tenant',
    'user',
    (given) => given.headers?.['x-other'] as string
  ),
  vary: fc.subarray(['x-flag', 'x-other', 'origin']),
  query: fc.option(fc.subarray(['a', 'b']), { nil: undefined }),
  hasLocales: fc.boolean(),
  clientDirectives: fc.constantFrom('ignore' as const, 'honour' as const),
  dependsOn: fc.subarray<Input>([...headerNames, 'tenant', 'user', 'a', 'b'], { maxLength: 4 }),
}).map(({ scope, vary, query, hasLocales, clientDirectives, dependsOn }) => ({
  policy: {
    ttl: '10s',
    staleWhileRevalidate: '10s',
    staleIfError: '10s',
    scope,
    vary,
    clientDirectives,
    ...query === undefined ? {} : { query },
    ...hasLocales ? { locales } : {},
  },
  // What the route says that it does not depend on it does not: this is what declaring it means.
  dependsOn: new Set(
    dependsOn.filter((input) =>
      query === undefined || (input !== 'a' && input !== 'b') || query.includes(input)
    )
  ),
}))

/** The body that the handler makes for a request. */
function bodyFor ({ policy, dependsOn }: Case, request: CacheRequest<unknown>): string {
  const { headers, query } = request
  const values = [...dependsOn].map((input) => {
    if (input === 'tenant' || input === 'user') return request[input]
    if (input === 'a' || input === 'b') return (query as Record<string, unknown>)[input]
    if (input === 'accept-language' && policy.locales !== undefined) {
      return negotiateLocale(headers[input] as string | undefined, locales)
    }
    return headers[input]
  })
  return JSON.stringify([request.origin, request.url.split('?')[0], ...values])
}

/**
 * An honest handler: it says, in the ways that HTTP has, what the route has not declared. Credentials it
 * never mentions.
 */
function saysOf ({ policy, dependsOn }: Case): MadeResponse['headers'] {
  const { scope } = policy
  const headers = [...dependsOn].filter((input) =>
    input === 'x-flag' || input === 'x-other' || input === 'accept-language' || input === 'origin'
  )
  const isPersonal = (dependsOn.has('user') && scope !== 'user') ||
    (dependsOn.has('tenant') && scope !== 'tenant' && scope !== 'user') ||
    (scope !== 'public' && (dependsOn.has('cookie') || dependsOn.has('authorization')))
  return {
    ...headers.length === 0 ? {} : { vary: headers.join(', ') },
    ...isPersonal ? { 'cache-control': 'private' } : {},
  }
}

/** The body, or the part of it, that may be sent. */
function assertOwn (got: Got, expected: string, request: CacheRequest<unknown>): void {
  if (request.method === 'HEAD' || got.status === 304 || got.status === 416 || got.status === 504) {
    return assert.equal(request.method === 'HEAD' || got.body === '', true)
  }
  const bytes = Buffer.from(expected)
  const [, first, last] = /bytes (\d+)-(\d+)/.exec(got.headers['content-range'] ?? '') ?? []
  const whole = got.status === 206 ? bytes.subarray(Number(first), Number(last) + 1).toString() : expected
  assert.equal(got.body, whole)
}

/** Few callers who come often, and at times one of them in one thing different. */
const visits = fc.array(asked, { minLength: 1, maxLength: 3 }).chain((callers) =>
  fc.array(
    fc.record({
      caller: fc.constantFrom(...callers),
      other: fc.option(asked, { freq: 2, nil: undefined }),
      waitMs: fc.constantFrom(0, 0, 1, 9_000),
    }),
    { minLength: 15, maxLength: 40 }
  )
).chain((steps) =>
  fc.tuple(
    ...steps.map(({ caller, other, waitMs }) =>
      fc.constantFrom(...twistsOf(caller, other)).map((own) => ({ asked: own, waitMs }))
    )
  )
)

function twistsOf (caller: Asked, other: Asked | undefined): Asked[] {
  if (other === undefined) return [caller]
  const { url = '', origin = '', tenant, user, headers } = other
  const single = Object.entries(headers ?? {}).map(([name, value]) => ({
    ...caller,
    headers: { ...caller.headers, [name]: value },
  }))
  return [{ ...caller, url }, { ...caller, origin }, { ...caller, tenant }, { ...caller, user }, ...single]
}

test('nobody ever gets an answer that the handler would not have made for them', async (t) => {
  let hits = 0
  let stored = 0
  await fc.assert(
    fc.asyncProperty(
      cases,
      visits,
      async (given, steps) => {
        const service: CachedService = new CachedService(given.policy, (own) => ({
          status: 200,
          headers: saysOf(given),
          body: bodyFor(given, service.request(own)),
        }))
        for (const step of steps) {
          service.clock.advance(step.waitMs)
          const request = service.request(step.asked)
          assertOwn(await service.get(step.asked), bodyFor(given, request), request)
          await service.settle()
        }
        hits += service.count('plimsoll_cache_requests_total', { result: 'hit' })
        stored += service.count('plimsoll_cache_stores_total', { outcome: 'stored' })
      }
    ),
    { numRuns: 200 }
  )
  t.diagnostic(`${stored} answers kept, ${hits} hits`)
  // A cache that keeps nothing leaks nothing, and proves nothing.
  assert.ok(stored > 100 && hits > 100, `${stored} answers kept, ${hits} hits`)
})

const attack: fc.Arbitrary<Asked> = fc.record({
  method: fc.constantFrom('GET', 'GET', 'HEAD', 'POST'),
  url: fc.constantFrom(
    '/things/1',
    '/things/1?',
    '/things/1?a=evil',
    '/things/1?%61=evil',
    '/things/1?a=',
    '/things/1?a=safe&a=evil',
    '/things/1?a=evil&a=safe',
    '/things/1?utm=evil',
    '/things/1?a%5B%5D=evil',
    '/things/1?__proto__=evil',
    '/things/1?a=safe%0d%0ax:evil',
    '/things/1;a=evil',
    '/things/1#?a=evil',
    '/things//1',
    '/things/1%00',
    `/things/1?a=${'x'.repeat(5_000)}`
  ),
  origin: fc.constantFrom(
    'https://shop.example',
    'https://evil.example',
    'http://shop.example',
    'https://shop.example:1'
  ),
  headers: fc.record(
    {
      'x-break': fc.constantFrom('400', '500', '206', '304', '404', '301', 'cookie', 'stream'),
      'content-length': fc.constantFrom('0', '4'),
      'transfer-encoding': fc.constant('chunked'),
      authorization: fc.constant('Bearer evil'),
      cookie: fc.constant('evil'),
      range: fc.constantFrom('bytes=0-0', 'bytes=99-'),
      'if-none-match': fc.constant('*'),
      'if-range': fc.constant('"evil"'),
      'accept-encoding': fc.constantFrom('evil', 'gzip', 'identity;q=0, *;q=0'),
      origin: fc.constant('https://evil.example'),
      'x-flag': fc.constantFrom('evil', 'safe', ''),
    },
    { requiredKeys: [] }
  ),
})

const victim: Asked = { url: '/things/1?a=safe', headers: { 'x-flag': 'safe' } }

/** Reflects all that is keyed, and breaks in all ways that a caller can ask for. */
function reflecting (request: CacheRequest<unknown>): MadeResponse {
  const { headers, query, origin, url } = request
  const body = JSON.stringify([
    origin,
    url.split('?')[0],
    (query as Record<string, unknown>)['a'],
    headers['x-flag'],
    headers['content-length'] === '4',
  ])
  const own = { status: 200, headers: { vary: 'x-flag' }, body }
  switch (headers['x-break']) {
    case '206':
      return {
        ...own,
        status: 206,
        headers: { 'content-range': `bytes 0-0/${body.length}` },
        body: body.slice(0, 1),
      }
    case '304':
    case '400':
    case '404':
    case '500':
      return { ...own, status: Number(headers['x-break']), body: 'evil' }
    case '301':
      return { ...own, status: 301, headers: { vary: 'x-break', location: 'https://evil.example' }, body: '' }
    case 'cookie':
      return { ...own, headers: { 'set-cookie': 'evil' }, body: 'evil' }
    case 'stream':
      return { ...own, body: null }
    default:
      return headers['authorization'] !== undefined || headers['cookie'] !== undefined ?
        { ...own, body: 'evil' } :
        own
  }
}

test('whatever others send, who sends a plain request gets the plain answer', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(attack, fc.constantFrom(0, 6_000)), { maxLength: 20 }),
      async (attacks) => {
        const service: CachedService = new CachedService(
          { query: ['a'], vary: ['x-flag'], staleWhileRevalidate: '5s', staleIfError: '5s' },
          (own) => reflecting(service.request(own))
        )
        const expected = reflecting(service.request(victim)).body
        for (const [own, waitMs] of attacks) {
          service.clock.advance(waitMs)
          await service.get(own)
          const got = await service.get(victim)
          assert.deepEqual([got.status, got.body], [200, expected])
          await service.settle()
        }
      }
    ),
    { numRuns: 200 }
  )
})
