import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import shop from '../../examples/shop/service.ts'
import { goldenPath } from '../../src/data/golden/index.ts'
import { type TestDatabase, testDatabase } from '../../src/engines/embedded/embedded.fixture.ts'
import { type TestEnvironment, testEnvironment } from '../../src/serve/service/environment.fixture.ts'
import { buildApp } from '../../src/serve/service/index.ts'

let database: TestDatabase
let environment: TestEnvironment
let app: FastifyInstance

before(async () => {
  database = await testDatabase()
  environment = await testEnvironment({ DATABASE_URL: database.url, PLIMSOLL_DATABASE_SEED: 'always' })
  app = await buildApp(shop, environment)
})

after(async () => {
  await environment[Symbol.asyncDispose]()
  await database.close()
})

const order = (items: object): Promise<LightMyRequestResponse> =>
  app.inject({ method: 'POST', url: '/orders', payload: { items } })

async function stockOf (id: number): Promise<number> {
  return (await app.inject(`/products/${id}`)).json().stock
}

test('the seed makes 50 categories and 100,000 products with descriptions of 300 characters', async () => {
  const { rows } = await app.data.query(`select (select count(*)::int from category) as categories,
    count(*)::int as products, min(length(description)) as shortest, max(length(description)) as longest from product`)
  assert.deepEqual(rows, [{ categories: 50, products: 100_000, shortest: 300, longest: 300 }])
})

test('pages follow each other without a gap or a repeat, to the last one', async () => {
  const ids: number[] = []
  let query: string | undefined = 'limit=100&categoryId=7&fields=id'
  while (query !== undefined) {
    const page: LightMyRequestResponse = await app.inject(`/products?${query}`)
    const { items, next } = page.json() as { items: { id: number }[]; next: string | null }
    ids.push(...items.map(({ id }) => id))
    query = next === null ? undefined : `limit=100&categoryId=7&fields=id&cursor=${next}`
  }
  const { rows } = await app.data.query('select id from product where category_id = 7 order by id')
  assert.deepEqual(ids, rows.map(({ id }) => id))
  assert.equal(ids.length, 2_000)
})

test('products are filtered, ordered, cut to fields and shown with their category, in two statements', async () => {
  const path = await goldenPath(
    app,
    '/products?priceCents[lte]=5000&sort=-priceCents&limit=3&fields=id,priceCents&expand=group'
  )
  path.expect({ status: 200, queries: 2 })
  const { items } = path.response.json() as { items: { priceCents: number; group: { name: string } }[] }
  assert.equal(items.length, 3)
  assert.deepEqual(
    items.map(({ priceCents }) => priceCents).toSorted((a, b) => b - a),
    items.map(({ priceCents }) => priceCents)
  )
  assert.ok(items.every(({ priceCents, group }) => priceCents <= 5_000 && group.name !== ''))
})

test('a product is kept until it is ordered: its answer costs no statement, and never shows sold stock', async () => {
  await app.inject('/products/51')
  const kept = await goldenPath(app, '/products/51')
  kept.expect({ status: 200, queries: 0 })
  const { stock } = kept.response.json() as { stock: number }
  assert.equal((await order([{ productId: 51, quantity: 1 }])).statusCode, 201)
  assert.equal(await stockOf(51), stock - 1)
})

test('an order takes its stock, and is found under its location', async () => {
  const before = await stockOf(11)
  const placed = await order([{ productId: 11, quantity: 2 }, { productId: 12, quantity: 1 }])
  assert.equal(placed.statusCode, 201)
  assert.equal(await stockOf(11), before - 2)
  const { body } = await app.inject(String(placed.headers['location']))
  assert.equal(body, placed.body)
  const { items, totalCents } = placed.json()
  const total = items.reduce(
    (sum: number, item: Record<string, number>) =>
      sum + Number(item['quantity']) * Number(item['unitPriceCents']),
    0
  )
  assert.equal(totalCents, total)
})

test('an order that cannot be filled in full takes nothing', async () => {
  const before = await stockOf(21)
  const tooMany = await order([{ productId: 21, quantity: 1 }, { productId: 22, quantity: 1_000 }])
  assert.deepEqual([tooMany.statusCode, tooMany.json().code], [409, 'OUT_OF_STOCK'])
  const unknown = await order([{ productId: 21, quantity: 1 }, { productId: 200_000, quantity: 1 }])
  assert.deepEqual([unknown.statusCode, unknown.json().code], [422, 'PRODUCT_UNKNOWN'])
  assert.equal(await stockOf(21), before)
})

test('the same product on two lines is one quantity against the stock', async () => {
  await app.data.query('update product set stock = 5 where id = 31')
  const answer = await order([{ productId: 31, quantity: 3 }, { productId: 31, quantity: 3 }])
  assert.equal(answer.json().code, 'OUT_OF_STOCK')
  assert.equal(await stockOf(31), 5)
})

/** As a client does that is told to come back: 30 orders of one product can be more than a busy machine carries. */
async function orderUntilTaken (items: Parameters<typeof order>[0]): ReturnType<typeof order> {
  for (;;) {
    const answer = await order(items)
    if (answer.statusCode !== 503) return answer
    assert.equal(answer.json().code, 'OVERLOADED')
  }
}

test('orders at the same time never sell more than there is, and never deadlock', async () => {
  await app.data.query('update product set stock = 10 where id in (41, 42)')
  const answers = await Promise.all(Array.from({ length: 30 }, (_, index) => {
    const [first, second] = index % 2 === 0 ? [41, 42] : [42, 41]
    return orderUntilTaken([{ productId: first, quantity: 1 }, { productId: second, quantity: 1 }])
  }))
  const counts = Object.groupBy(answers, ({ statusCode }) => String(statusCode))
  assert.deepEqual([counts['201']?.length, counts['409']?.length], [10, 20])
  assert.deepEqual([await stockOf(41), await stockOf(42)], [0, 0])
})

test('what is not there is a 404 that says so', async () => {
  const product = await app.inject('/products/100001')
  assert.deepEqual([product.statusCode, product.json().code], [404, 'RESOURCE_NOT_FOUND'])
  const unknown = await app.inject('/orders/00000000-0000-4000-8000-000000000000')
  assert.deepEqual([unknown.statusCode, unknown.json().code], [404, 'ORDER_NOT_FOUND'])
})

test('what breaks a schema is refused with the place: ids, page sizes, quantities, unknown fields', async () => {
  const refused: [LightMyRequestResponse, RegExp][] = [
    [await app.inject('/products/x'), /^id must be a whole number, not "x"$/],
    [await app.inject('/products/2147483648'), /^id must be/],
    [
      await app.inject('/products?limit=101'),
      /^the page size must be a whole number from 1 to 100, not 101$/,
    ],
    [await app.inject('/orders/7'), /^params\/id must match format "uuid"$/],
    [await order([]), /^body\/items must NOT have fewer than 1 items$/],
    [await order([{ productId: 1, quantity: 0 }]), /^body\/items\/0\/quantity must be >= 1$/],
    [await order([{ productId: 1, quantity: 1, price: 0 }]), /must NOT have additional properties: price$/],
  ]
  for (const [answer, detail] of refused) {
    assert.equal(answer.statusCode, 400)
    assert.match(answer.json().detail, detail)
  }
})
