import fc from 'fast-check'
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Market, openMarket, products } from './market.fixture.ts'
import { canonicalListQuery, type RawQuery } from './resource-query.ts'

let market: Market

before(async () => {
  market = await openMarket()
})
after(() => market[Symbol.asyncDispose]())

const names = fc.constantFrom(
  'limit',
  'cursor',
  'sort',
  'fields',
  'expand',
  'id[in]',
  'id[ne]',
  'priceCents',
  'priceCents[gte]',
  'colour',
  'colour[in]',
  'weight[gte]',
  'weight[null]',
  'updatedAt[lt]',
  'name',
  'name[in]',
  'category',
  'categoryId',
  'id[',
  '[in]',
  '__proto__',
  'constructor',
  'priceCents[toString]',
  'toString',
  'hasOwnProperty[in]',
  ''
)
const odd = fc.constantFrom(
  '',
  ',',
  '.',
  'id',
  'id.',
  '.id',
  'group',
  'group.products',
  'reviews.product.group',
  'true',
  'NULL',
  'NaN',
  '1e309',
  '-0',
  '2147483648',
  '9223372036854775808',
  '99999999999999999999999',
  '2026-02-30T00:00:00Z',
  '2026-01-01T24:00:00Z',
  '2026-12-31T23:59:60Z',
  '0000-01-01T00:00:00Z',
  '2026-01-01T00:00:00+15:00',
  '\0',
  '\ud800',
  "'; drop table product; --",
  '$1',
  '%00',
  '%',
  'red',
  'red,',
  '__proto__',
  'constructor',
  '-id',
  '-weight,priceCents',
  '1,2,3',
  '7',
  '50'
)
const value = fc.oneof(
  odd,
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.integer().map(String),
  fc.double().map(String)
)
const query = fc.array(
  fc.tuple(fc.oneof({ weight: 9, arbitrary: names }, { weight: 1, arbitrary: fc.string() }), value),
  { maxLength: 5 }
)

test('whatever a query holds, the answer is 200 or a 400 that says why', async () => {
  let refused = 0
  await fc.assert(
    fc.asyncProperty(query, fc.boolean(), async (pairs, isRaw) => {
      const encode = isRaw ? (text: string) => text.replaceAll(/[^!-~]|[#\\]/g, '_') : encodeWell
      const text = pairs.map(([name, each]) => `${encode(name)}=${encode(each)}`).join('&')
      const { statusCode, body } = await market.app.inject(`/products?${text}`)
      assert.ok(statusCode === 200 || statusCode === 400, `${statusCode}: ${text}: ${body}`)
      if (statusCode === 400) assert.match(body, /"code":"(?:RESOURCE_\w+|PAGE_SIZE_INVALID|CURSOR_INVALID)"/)
      if (statusCode === 400) refused++
    }),
    { numRuns: 400 }
  )
  assert.ok(refused > 50 && refused < 400, `${refused} of 400 refused`)
})

function encodeWell (text: string): string {
  return encodeURIComponent(text.toWellFormed())
}

test('whatever an id holds, the answer is 200, 400 or 404', async () => {
  await fc.assert(
    fc.asyncProperty(value, async (id) => {
      const { statusCode, body } = await market.app.inject(`/products/${encodeWell(id)}`)
      assert.ok([200, 400, 404].includes(statusCode), `${statusCode}: ${body}`)
    }),
    { numRuns: 100 }
  )
})

const parsers: readonly RawQuery[] = [
  { fields: { a: 'b' } as unknown as string },
  { priceCents: { gte: '1' } as unknown as string },
  { name: [['a']] as unknown as string[] },
  { limit: null as unknown as string },
]

test('a query that another parser has made objects of is refused, not guessed at', () => {
  for (const query of parsers) {
    assert.throws(() => canonicalListQuery(products, query), { statusCode: 400 }, JSON.stringify(query))
  }
})
