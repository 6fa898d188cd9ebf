import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MadeResponse } from './cache-request.ts'
import { type Asked, CachedService, ok } from './cached-service.fixture.ts'
import type { CachePolicy } from './policy.ts'

const date = 'Sun, 15 Jun 2025 15:06:40 GMT'

type Row = readonly [
  claim: string,
  made: Partial<MadeResponse>,
  kept: string,
  policy?: Partial<CachePolicy<Asked>>,
]

const headers = (given: MadeResponse['headers']): Partial<MadeResponse> => ({ headers: given })
const control = (value: string): Partial<MadeResponse> => headers({ 'cache-control': value })

/** What becomes of an answer, by RFC 9111, section 3, and by the policy. */
const rows: readonly Row[] = [
  ['200', {}, 'stored'],
  ['203', { status: 203 }, 'stored'],
  ['204', { status: 204, body: undefined }, 'stored'],
  ['301', { status: 301, headers: { location: '/x' } }, 'stored'],
  ['302', { status: 302, headers: { location: '/x' } }, 'status'],
  ['400', { status: 400 }, 'status'],
  ['401', { status: 401 }, 'status'],
  ['404 without a time of its own', { status: 404 }, 'status'],
  ['404 with one', { status: 404 }, 'stored', { negative: '1s' }],
  ['410 with one', { status: 410 }, 'stored', { negative: '1s' }],
  ['206', { status: 206, headers: { 'content-range': 'bytes 0-1/4' } }, 'partial'],
  ['200 with Content-Range', headers({ 'content-range': 'bytes 0-1/4' }), 'partial'],
  ['500', { status: 500 }, 'failed'],
  ['no-store', control('no-store'), 'no-store'],
  ['No-Store in a list', control('max-age=60, No-Store'), 'no-store'],
  ['no-store with an argument', control('no-store="x"'), 'no-store'],
  ['no-store=', control('no-store='), 'no-store'],
  ['private', control('private, max-age=60'), 'private'],
  ['private=', control('private='), 'private'],
  ['private=""', control('private=""'), 'private'],
  ['private="set-cookie"', control('private="set-cookie", max-age=60'), 'private'],
  ['private = x', control('max-age=60,private = x'), 'private'],
  ['a list of headers', headers({ 'cache-control': ['max-age=60', 'private'] }), 'private'],
  ['an open quote that may hide anything', control('max-age=60, x="no-store'), 'no-store'],
  ['semicolons', control('max-age=60; private'), 'no-store'],
  ['a stray quote', control('max-age=60, "private'), 'no-store'],
  ['a private in a quoted argument of another', control('x="private", max-age=60'), 'stored'],
  ['no-cache without a version', control('no-cache'), 'no-cache'],
  ['no-cache="set-cookie"', control('no-cache="set-cookie"'), 'no-cache'],
  ['no-cache with a version', control('no-cache'), 'stored', { version: () => 1 }],
  ['max-age=0', control('max-age=0'), 'not-fresh'],
  ['max-age=-1', control('max-age=-1'), 'not-fresh'],
  ['max-age=', control('max-age='), 'not-fresh'],
  ['max-age=abc', control('max-age=abc'), 'not-fresh'],
  ['max-age twice', control('max-age=60, max-age=0'), 'not-fresh'],
  ['max-age twice, the smaller one first', control('max-age=0, max-age=60'), 'not-fresh'],
  ['s-maxage before max-age', control('max-age=0, s-maxage=60'), 'stored'],
  ['s-maxage=0', control('max-age=60, s-maxage=0'), 'not-fresh'],
  ['public', control('public'), 'stored'],
  ['an unknown directive', control('x-of-my-own="a, b", immutable'), 'stored'],
  ['an empty header', control(''), 'stored'],
  ['commas only', control(' , ,'), 'stored'],
  ['Expires in the past', headers({ expires: date, date }), 'not-fresh'],
  ['Expires: 0', headers({ expires: '0', date }), 'not-fresh'],
  ['Expires to come', headers({ expires: 'Sun, 15 Jun 2025 15:07:40 GMT', date }), 'stored'],
  [
    'Expires in the past, and max-age',
    headers({ expires: date, date, 'cache-control': 'max-age=9' }),
    'stored',
  ],
  ['an Age beyond max-age', headers({ age: '60', 'cache-control': 'max-age=60' }), 'not-fresh'],
  ['Set-Cookie', headers({ 'set-cookie': 'a=b' }), 'set-cookie'],
  ['Set-Cookie and public', headers({ 'set-cookie': ['a=b'], 'cache-control': 'public' }), 'set-cookie'],
  ['Vary: *', headers({ vary: '*' }), 'vary'],
  ['Vary of an undeclared header', headers({ vary: 'Accept-Language' }), 'vary'],
  ['Vary: Authorization', headers({ vary: 'Authorization' }), 'vary'],
  ['Vary: Cookie, for one user', headers({ vary: 'Cookie' }), 'vary', { scope: 'user' }],
  ['Vary of a declared header', headers({ vary: 'X-Flag' }), 'stored', { vary: ['x-flag'] }],
  ['Vary of a declared and an undeclared one', headers({ vary: 'X-Flag, Y' }), 'vary', { vary: ['x-flag'] }],
  ['Vary: Accept-Language with locales', headers({ vary: 'accept-language' }), 'stored', { locales: ['en'] }],
  ['Vary: Accept with types', headers({ vary: 'Accept' }), 'stored', { types: ['application/json'] }],
  ['Vary: Accept-Encoding', headers({ vary: 'accept-encoding' }), 'stored'],
  ['Vary: Origin, undeclared', headers({ vary: 'Origin' }), 'vary'],
  [
    'a repeated origin without Vary',
    headers({ 'access-control-allow-origin': 'https://a.example' }),
    'origin',
  ],
  ['a fixed origin of another', headers({ 'access-control-allow-origin': 'https://b.example' }), 'stored'],
  ['an encoded answer', headers({ 'content-encoding': 'gzip' }), 'encoded'],
  ['identity', headers({ 'content-encoding': 'identity' }), 'stored'],
  ['a stream', { body: null }, 'stream'],
  ['a large body', { body: 'x'.repeat(5_000) }, 'too-large'],
  ['a tag too long', { tags: ['x'.repeat(1_025)] }, 'tags'],
  ['too many tags', { tags: Array.from({ length: 257 }, (_, at) => `t${at}`) }, 'tags'],
  ['a tag with a control character', { tags: ['\0uri x'] }, 'tags'],
  ['an empty tag', { tags: [''] }, 'tags'],
]

for (const [claim, made, kept, policy = {}] of rows) {
  test(`storing: ${claim}: ${kept}`, async () => {
    const service = new CachedService(policy, () => ({ ...ok('{}'), ...made }), { maxBody: 4_096 })
    const asked = { user: 'u', headers: { origin: 'https://a.example' } }
    const first = await service.get(asked)
    await service.get(asked)
    assert.equal(service.runs, kept === 'stored' ? 1 : 2)
    assert.equal(first.headers['cache-status']?.includes('stored'), kept === 'stored')
    if (kept !== 'stored') assert.equal(first.headers['cache-status'], `plimsoll; fwd=miss; detail=${kept}`)
    if (kept !== 'failed') assert.ok(service.count('plimsoll_cache_stores_total', { outcome: kept }) >= 1)
  })
}

test('storing: what keeps a route from being cached is said once, with what to do', async () => {
  const service = new CachedService({}, () => ok('{}', { vary: 'X-Flag' }))
  await service.get()
  await service.get()
  assert.deepEqual(service.notices.map(({ route, reason }) => [route, reason]), [['GET /things/:id', 'vary']])
  assert.match(service.notices[0]?.message ?? '', /config\.cache\.vary/)
})

test('storing: headers of the connection, of one request and cookies are not kept; those of the policy replace', async () => {
  const service = new CachedService(
    { vary: ['x-flag'] },
    () =>
      ok('{}', {
        connection: 'x-hop',
        'x-hop': '1',
        'keep-alive': 'timeout=5',
        'transfer-encoding': 'chunked',
        'x-request-id': 'r1',
        date,
        age: '1',
        'cache-control': 'max-age=60',
        'x-own': ['a', 'b'],
        vary: 'X-Flag, accept-encoding',
      }),
    {
      perRequestHeaders: ['X-Request-Id'],
      edgeHeaders: (
        { status, tags }
      ) => [['Cache-Control', `public, max-age=${status}`], ['surrogate-key', tags.join(' ')], [
        'vary',
        'origin',
      ]],
    }
  )
  service.handler = ((make) => (asked) => ({ ...make(asked) as MadeResponse, tags: ['a', 'b', 'a'] }))(
    service.handler
  )
  await service.get()
  const { headers } = await service.get()
  assert.deepEqual(Object.keys(headers).toSorted(), [
    'age',
    'cache-control',
    'cache-status',
    'content-length',
    'content-type',
    'etag',
    'surrogate-key',
    'vary',
    'x-own',
  ])
  assert.equal(headers['cache-control'], 'public, max-age=200')
  assert.equal(headers['surrogate-key'], 'a b')
  assert.equal(headers['x-own'], 'a, b')
  assert.equal(headers['vary'], 'x-flag, accept-encoding, origin')
})
