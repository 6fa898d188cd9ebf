import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import shop from '../../examples/shop/service.ts'
import { goldenPath } from '../../src/data/golden/index.ts'
import { type TestDatabase, testDatabase } from '../../src/engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../../src/engines/wait-until.fixture.ts'
import { type TestEnvironment, testEnvironment } from '../../src/serve/service/environment.fixture.ts'
import { buildService, type ServiceWork } from '../../src/serve/service/index.ts'

let database: TestDatabase
let environment: TestEnvironment
let app: FastifyInstance
let work: ServiceWork
let files: string

before(async () => {
  database = await testDatabase({ server: 'log' })
  files = await mkdtemp(join(tmpdir(), 'plimsoll-shop-'))
  environment = await testEnvironment({
    DATABASE_URL: database.url,
    PLIMSOLL_DATABASE_SEED: 'always',
    PLIMSOLL_STATE_DIRECTORY: files,
    // What a busy machine cannot carry would be refused; here everything is to be carried.
    PLIMSOLL_ADMISSION_ENABLED: 'false',
  })
  ;({ app, work } = await buildService(shop, environment))
  await work.start()
})

after(async () => {
  await work.drain(5_000)
  await environment[Symbol.asyncDispose]()
  await database.close()
  await rm(files, { recursive: true })
})

const order = (items: object): Promise<LightMyRequestResponse> =>
  app.inject({ method: 'POST', url: '/orders', payload: { items } })

async function stockOf (id: number): Promise<number> {
  const { rows: [product] } = await app.data.query<{ stock: number }>(
    'select stock from product where id = $1',
    [id]
  )
  return product!.stock
}

/** How the order stands once its checkout has ended. */
async function outcomeOf (placed: LightMyRequestResponse): Promise<string> {
  assert.equal(placed.statusCode, 202, placed.body)
  const { id } = placed.json() as { id: string }
  let status = ''
  await waitUntil('the checkout has ended', async () => {
    const { rows: [row] } = await app.data.query<{ status: string }>(
      'select status from "order" where id = $1',
      [id]
    )
    status = row?.status ?? ''
    return status === 'shipped' || status === 'cancelled'
  })
  assert.equal((await app.inject(String(placed.headers['location']))).json().status, status)
  return status
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
  assert.equal(await outcomeOf(await order([{ productId: 51, quantity: 1 }])), 'shipped')
  await waitUntil(
    'the shop window shows what is left',
    async () => (await app.inject('/products/51')).json().stock === stock - 1
  )
})

test('an order is accepted at once, and then charged and shipped; its stock is taken', async () => {
  const before = await stockOf(11)
  const placed = await order([{ productId: 11, quantity: 2 }, { productId: 12, quantity: 1 }])
  assert.equal(placed.json().status, 'placed')
  const { items, totalCents } = placed.json()
  const total = items.reduce(
    (sum: number, item: Record<string, number>) =>
      sum + Number(item['quantity']) * Number(item['unitPriceCents']),
    0
  )
  assert.equal(totalCents, total)
  assert.equal(await outcomeOf(placed), 'shipped')
  assert.equal(await stockOf(11), before - 2)
  const { rows } = await app.data.query(
    'select (select count(*)::int from shipment where order_id = $1) as shipments, text from notice where order_id = $1',
    [placed.json().id]
  )
  assert.deepEqual(rows, [{ shipments: 1, text: 'It is on its way.' }])
})

test('an order that the warehouse does not send is cancelled, and gives back its stock and its money', async () => {
  await app.data.query('update product set stock = 1000 where id = 61')
  const placed = await order([{ productId: 61, quantity: 600 }])
  assert.equal(await outcomeOf(placed), 'cancelled')
  assert.equal(await stockOf(61), 1_000)
  const ledger = await (await fetch(`${process.env['PAYMENTS_URL']}/ledger`)).json() as {
    moves: readonly { orderId: string; cents: number }[]
  }
  const mine = ledger.moves.filter(({ orderId }) => orderId === placed.json().id).map(({ cents }) => cents)
  assert.deepEqual(mine, [placed.json().totalCents, -placed.json().totalCents])
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

test('orders at the same time never sell more than there is, and never deadlock', async () => {
  await app.data.query('update product set stock = 10 where id in (41, 42)')
  const outcomes = await Promise.all(Array.from({ length: 30 }, async (_, index) => {
    const [first, second] = index % 2 === 0 ? [41, 42] : [42, 41]
    const answer = await order([{ productId: first, quantity: 1 }, {
      productId: second,
      quantity: 1,
    }])
    return answer.statusCode === 409 ? 'cancelled' : await outcomeOf(answer)
  }))
  assert.equal(outcomes.filter((outcome) => outcome === 'shipped').length, 10)
  assert.deepEqual([await stockOf(41), await stockOf(42)], [0, 0])
})

test('what is ordered most is counted from the events, each order once', async () => {
  const orders = [71, 71, 72].map((productId) => order([{ productId, quantity: 40 }]))
  for (const placed of await Promise.all(orders)) assert.equal(placed.statusCode, 202)
  await waitUntil('the projection has them', async () => {
    const { rows } = await app.data.query(
      'select product_id as id, ordered::int from best_seller where product_id in (71, 72) order by id'
    )
    return JSON.stringify(rows) === JSON.stringify([{ id: 71, ordered: 80 }, { id: 72, ordered: 40 }])
  })
  const { items } = (await app.inject('/best-sellers')).json() as { items: { productId: number }[] }
  assert.equal(items.find(({ productId }) => productId === 71) !== undefined, true)
})

test('the order history is a file with every order', async () => {
  const asked = await app.inject({ method: 'POST', url: '/order-history', payload: {} })
  assert.equal(asked.statusCode, 202)
  const location = String(asked.headers['location'])
  const done = await app.inject({ url: location, headers: { prefer: 'wait=20' } })
  assert.equal(done.json().state, 'done', done.body)
  const { body } = await app.inject({ url: done.json().url, headers: { 'accept-encoding': 'identity' } })
  const lines = body.trimEnd().split('\n').map((line) => JSON.parse(line) as { id: string; items: unknown[] })
  const { rows } = await app.data.query<{ id: string }>('select id from "order" order by id')
  assert.deepEqual(lines.map(({ id }) => id), rows.map(({ id }) => id))
  assert.ok(lines.every(({ items }) => items.length > 0))
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
