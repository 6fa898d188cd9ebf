import type { LightMyRequestResponse } from 'fastify'
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { type Context, runWithContext } from '../../kernel/index.ts'
import { type Market, openMarket, products } from './market.fixture.ts'

let market: Market

before(async () => {
  market = await openMarket()
})
beforeEach(() => {
  market.statements.length = 0
})
after(() => market[Symbol.asyncDispose]())

const get = (url: string, headers: Record<string, string> = {}): Promise<LightMyRequestResponse> =>
  market.app.inject({ url, headers })

interface ListBody {
  readonly items: Record<string, unknown>[]
  readonly next: string | null
  readonly previous: string | null
}

async function list (url: string): Promise<ListBody> {
  const response = await get(url)
  assert.equal(response.statusCode, 200, response.body)
  return response.json()
}

async function ids (url: string): Promise<unknown[]> {
  return (await list(url)).items.map(({ id }) => id)
}

test('a list answers its default page, each item as its schema has it, in one statement', async () => {
  const { items, next, previous } = await list('/products')
  assert.equal(items.length, 5)
  assert.deepEqual(items[0], {
    id: 1,
    name: 'product 1',
    priceCents: 700,
    colour: 'blue',
    weight: 1.25,
    updatedAt: '2026-01-01T00:00:00.000Z',
    category: 'category 2',
  })
  assert.deepEqual([items[3]?.['weight'], typeof next, previous], [null, 'string', null])
  assert.equal(market.statements.length, 1)
})

test('every order on offer is walked to its end and back without a gap or a repeat', async () => {
  for (const sort of products.orders.keys()) {
    const query = `/products?limit=7&sort=${sort}&fields=id`
    const there: unknown[][] = []
    let cursor: string | null = ''
    let last: ListBody | undefined
    while (cursor !== null) {
      last = await list(cursor === '' ? query : `${query}&cursor=${cursor}`)
      there.push(last.items.map(({ id }) => id))
      cursor = last.next
    }
    assert.equal(new Set(there.flat()).size, 60)
    assert.equal(there.flat().length, 60)
    const back: unknown[][] = []
    for (let cursor = last?.previous; typeof cursor === 'string';) {
      const page: ListBody = await list(`${query}&cursor=${cursor}`)
      back.unshift(page.items.map(({ id }) => id))
      cursor = page.previous
    }
    assert.deepEqual(back.flat(), there.slice(0, -1).flat())
  }
})

test('Link names the neighbours by queries that lead there, with everything else that was asked', async () => {
  const first = await get('/products?priceCents[gte]=0&limit=2&colour[in]=red,blue')
  const second = await get(linkTo('next', first))
  assert.deepEqual(second.json().items.map(({ id }: { id: number }) => id), [3, 4])
  assert.match(String(second.headers['link']), /^<\?[^<>"\s]*>; rel="prev", <\?[^<>"\s]*>; rel="next"$/)
  const third = await get(linkTo('next', second))
  assert.deepEqual(third.json().items.map(({ id }: { id: number }) => id), [5, 6])
  assert.equal((await get(linkTo('prev', third))).body, second.body)
  assert.equal((await get('/products?limit=50&priceCents=0')).headers['link'], undefined)
})

function linkTo (relation: string, { headers }: LightMyRequestResponse): string {
  const [, reference = ''] = new RegExp(`<([^>]*)>; rel="${relation}"`).exec(String(headers['link'])) ?? []
  return new URL(reference, 'http://market/products').href
}

test('filters choose by equality, ranges, lists and NULL', async () => {
  assert.deepEqual(await ids('/products?priceCents=700&limit=50'), [1, 21, 41])
  assert.deepEqual(await ids('/products?priceCents[gt]=100&priceCents[lte]=200&limit=50'), [6, 26, 46])
  assert.deepEqual(await ids('/products?priceCents[gte]=1900&priceCents[lt]=9999&limit=50'), [17, 37, 57])
  assert.deepEqual(await ids('/products?id[in]=3,1,2,2,99&id[ne]=2'), [1, 3])
  assert.deepEqual(await ids('/products?weight[null]=true&limit=3'), [4, 8, 12])
  assert.deepEqual(await ids('/products?weight[null]=false&weight[gte]=5&limit=3'), [])
  assert.deepEqual(await ids('/products?colour=red&limit=2'), [2, 4])
  assert.deepEqual(await ids('/products?category=category%203&limit=2'), [2, 5])
  assert.deepEqual(await ids('/products?categoryId[null]=true&limit=2'), [10, 20])
  assert.deepEqual(await ids('/products?updatedAt[gte]=2026-01-01T00:00:00.000059Z'), [59, 60])
  assert.deepEqual(await ids('/products?currency=EUR&limit=1'), [1])
  assert.deepEqual(await ids('/products?currency[in]=EURO,US'), [])
  assert.deepEqual(await ids('/products?name[in]=product 1&name[in]=a,b'), [1])
})

test('a filter is bound, never text of the statement', async () => {
  assert.deepEqual(await ids(`/products?name=${encodeURIComponent("x' or true --")}`), [])
  assert.doesNotMatch(market.statements[0] ?? '', /or true/)
})

test('fields reach the select list, and nothing else is answered', async () => {
  const { items } = await list('/products?fields=name,id,name&limit=1')
  assert.deepEqual(items, [{ id: 1, name: 'product 1' }])
  assert.match(market.statements[0] ?? '', /^select product\.id, product\.name, json_build_array/)
  assert.deepEqual((await get('/products/2?fields=priceCents')).json(), { priceCents: 1_400 })
})

test('expansions cost one statement each, however many items there are', async () => {
  const { items } = await list('/products?expand=group,reviews&limit=40&fields=id,group.name')
  assert.equal(market.statements.length, 3)
  assert.deepEqual(items[8], {
    id: 9,
    group: { name: 'category 1' },
    reviews: {
      items: [
        { id: '9007199254741083', stars: 1, tenant: 'umbrella' },
        { id: '9007199254741084', stars: 2, tenant: 'acme' },
      ],
      more: true,
    },
  })
  assert.deepEqual(items[9], { id: 10, group: null, reviews: { items: [], more: false } })
})

test('expansions inside expansions are read with all of a level at once', async () => {
  const { items } = await list(
    '/categories?expand=products.reviews&fields=id,products.id,products.reviews.stars'
  )
  assert.equal(market.statements.length, 3)
  assert.deepEqual(items[0]?.['products'], {
    items: [
      { id: 57, reviews: { items: [{ stars: 1 }, { stars: 2 }], more: false } },
      { id: 54, reviews: { items: [{ stars: 1 }, { stars: 2 }], more: true } },
      { id: 51, reviews: { items: [{ stars: 1 }], more: false } },
    ],
    more: true,
  })
})

test('a column that only an expansion needs is read, and not answered', async () => {
  assert.deepEqual((await get('/products/1?fields=name&expand=group')).json(), {
    name: 'product 1',
    group: { id: 2, name: 'category 2' },
  })
})

test('an item that the scope of its resource hides is not expanded', async () => {
  const hidden = { 'x-hidden': '2' }
  assert.deepEqual((await get('/products/1?fields=id&expand=group', hidden)).json(), { id: 1, group: null })
  assert.notEqual((await get('/products/2?fields=id&expand=group', hidden)).json().group, null)
})

test('the scope of a resource holds for its list, its items and where it is expanded', async () => {
  const acme = { 'x-tenant': 'acme' }
  const { items } = (await get('/reviews?limit=20&fields=tenant', acme)).json() as ListBody
  assert.deepEqual([...new Set(items.map(({ tenant }) => tenant))], ['acme'])
  const expanded = (await get('/products/3?expand=reviews&fields=reviews.tenant', acme)).json()
  assert.deepEqual(expanded, { reviews: { items: [{ tenant: 'acme' }], more: false } })
  const [umbrella] = (await get('/reviews?limit=1', { 'x-tenant': 'umbrella' })).json().items
  assert.equal((await get(`/reviews/${umbrella.id}`, acme)).statusCode, 404)
  assert.equal((await get(`/reviews/${umbrella.id}`)).statusCode, 200)
})

const refusals: readonly (readonly [url: string, code: string, extensions: object])[] = [
  ['/products?colour=green', 'RESOURCE_VALUE_INVALID', { parameter: 'colour' }],
  ['/products?priceCents=1e3', 'RESOURCE_VALUE_INVALID', { parameter: 'priceCents' }],
  ['/products?priceCents=1&priceCents=2', 'RESOURCE_VALUE_INVALID', { parameter: 'priceCents' }],
  ['/products?weight[null]=', 'RESOURCE_VALUE_INVALID', { parameter: 'weight[null]' }],
  [`/products?id[in]=${Array.from({ length: 21 }, (_, at) => at).join(',')}`, 'RESOURCE_VALUE_INVALID', {
    parameter: 'id[in]',
  }],
  ['/products?sort=secret', 'RESOURCE_SORT_UNKNOWN', {
    allowed: [
      'id',
      'priceCents',
      '-updatedAt',
      'weight,-priceCents',
      'name',
      'category',
      '-id',
      '-priceCents',
      'updatedAt',
      '-weight,priceCents',
      '-name',
      '-category',
    ],
  }],
  ['/products?sort=id&sort=id', 'RESOURCE_VALUE_INVALID', { parameter: 'sort' }],
  ['/reviews?stars=1', 'RESOURCE_PARAMETER_UNKNOWN', {
    allowed: ['limit', 'cursor', 'sort', 'fields', 'expand'],
  }],
  ['/products/1?limit=1', 'RESOURCE_PARAMETER_UNKNOWN', { allowed: ['fields', 'expand'] }],
  ['/products?fields=id,secret', 'RESOURCE_FIELD_UNKNOWN', {
    allowed: ['id', 'name', 'priceCents', 'colour', 'weight', 'updatedAt', 'category'],
  }],
  ['/products?fields=group.secret&expand=group', 'RESOURCE_FIELD_UNKNOWN', { allowed: ['id', 'name'] }],
  ['/products?fields=group.name', 'RESOURCE_FIELD_UNKNOWN', {
    allowed: ['id', 'name', 'priceCents', 'colour', 'weight', 'updatedAt', 'category'],
  }],
  ['/products?fields=', 'RESOURCE_VALUE_INVALID', { parameter: 'fields' }],
  ['/products?expand=owner', 'RESOURCE_EXPANSION_REFUSED', {
    reason: 'unknown',
    allowed: ['group', 'reviews'],
  }],
  ['/products?expand=group.products', 'RESOURCE_EXPANSION_REFUSED', { reason: 'cycle' }],
  ['/products?expand=a.b.c.d', 'RESOURCE_EXPANSION_REFUSED', { reason: 'depth', allowed: 3 }],
  ['/products?expand=group,reviews&limit=47', 'RESOURCE_EXPANSION_REFUSED', { reason: 'cost', allowed: 140 }],
  ['/products?limit=51', 'PAGE_SIZE_INVALID', { allowed: { minimum: 1, maximum: 50 } }],
  ['/products?limit=0', 'PAGE_SIZE_INVALID', { allowed: { minimum: 1, maximum: 50 } }],
  ['/products?limit=99999999999999999999', 'PAGE_SIZE_INVALID', {}],
  ['/products?cursor=x', 'CURSOR_INVALID', { reason: 'malformed' }],
  ['/products/x', 'RESOURCE_VALUE_INVALID', { parameter: 'id' }],
  ['/products/2147483648', 'RESOURCE_VALUE_INVALID', { parameter: 'id' }],
]

test('what the declaration does not offer is refused with what it offers', async () => {
  for (const [url, code, extensions] of refusals) {
    const response = await get(url)
    const body = response.json()
    assert.deepEqual([response.statusCode, body.code], [400, code], url)
    assert.deepEqual({ ...body, ...extensions }, body, url)
  }
})

test('expansions within depth and cost are answered', async () => {
  assert.equal((await get('/products?expand=group,reviews,group&limit=46')).statusCode, 200)
  assert.equal((await get('/reviews?expand=product.group')).statusCode, 200)
})

test('a page deep in the list is read from an index, though the schema knows int columns as bigint', async () => {
  await market.pool.query(
    `insert into product select n, 'p', n % 1000, 'red', 1, now(), null from generate_series(100, 20000) as n;
    analyze product`
  )
  try {
    const url = '/products?sort=priceCents&limit=20&fields=id'
    const { next } = await list(`${url}&priceCents[gte]=500`)
    await list(`${url}&priceCents[gte]=500&cursor=${next}`)
    const text = market.statements.at(-1) ?? ''
    const { rows } = await market.pool.query(`explain (generic_plan) ${text}`)
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n')
    assert.match(plan, /Index (?:Only )?Scan .*\n(?:.*\n)*? +Index Cond: .*ROW\(/)
    assert.doesNotMatch(plan, /Sort|Seq Scan on product/)
  } finally {
    await market.pool.query('delete from product where id >= 100')
  }
})

test('a cursor is good for the same filters and sort alone', async () => {
  const { next } = await list('/products?colour=red&limit=2')
  assert.equal((await get(`/products?limit=9&colour=red&fields=id&cursor=${next}`)).statusCode, 200)
  for (const [query, reason] of [['colour=blue', 'other-filter'], ['colour=red&sort=-id', 'other-sort']]) {
    assert.equal((await get(`/products?${query}&cursor=${next}`)).json().reason, reason)
  }
  assert.equal((await get(`/reviews?cursor=${next}`)).json().reason, 'other-list')
})

test('a cursor is good for the tenant it was made for alone', async () => {
  const as = async (tenant: string | undefined, url: string): Promise<LightMyRequestResponse> =>
    // Awaited inside, since an injected request starts when somebody waits for it.
    runWithContext({ tenant } as Context, async () => await get(url))
  const { next } = (await as('acme', '/products?limit=1')).json()
  assert.equal((await as('acme', `/products?cursor=${next}`)).statusCode, 200)
  for (const other of ['umbrella', undefined]) {
    assert.equal((await as(other, `/products?cursor=${next}`)).json().reason, 'other-tenant')
  }
})

test('an item that is not there is a 404 that names it', async () => {
  const { code, detail } = (await get('/products/999')).json()
  assert.deepEqual([code, detail], ['RESOURCE_NOT_FOUND', 'there is no product with the id "999"'])
})

test('an item has a strong ETag of its revision, which a microsecond changes, and 304 answers who has it', async () => {
  const etag = String((await get('/products/5')).headers['etag'])
  assert.match(etag, /^"[\w-]+"$/)
  assert.equal((await get('/products/5')).headers['etag'], etag)
  const known = await get('/products/5', { 'if-none-match': `"other", W/${etag}` })
  assert.deepEqual([known.statusCode, known.body, known.headers['etag']], [304, '', etag])
  await market.pool.query(
    `update product set updated_at = updated_at + interval '1 microsecond' where id = 5`
  )
  assert.equal((await get('/products/5', { 'if-none-match': etag })).statusCode, 200)
})

test('a part of an item has an ETag of its own; with expansions there is none', async () => {
  const tags = [
    '/products/6',
    '/products/6?fields=id',
    '/products/6?fields=name',
    '/products/6?fields=name,id,name',
  ]
  const found = await Promise.all(tags.map(async (url) => (await get(url)).headers['etag']))
  assert.equal(new Set(found).size, 4)
  assert.equal((await get('/products/6?fields=id,name')).headers['etag'], found[3])
  assert.equal((await get('/products/6?expand=group')).headers['etag'], undefined)
  assert.equal((await get('/categories/1')).headers['etag'], undefined)
})
