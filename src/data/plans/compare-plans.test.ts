import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type CatalogueDatabase, catalogueDatabase } from './catalogue.fixture.ts'
import { comparePlans } from './compare-plans.ts'
import { type Decision, planText } from './decisions.ts'
import { reviewStatements } from './review.ts'

let database: CatalogueDatabase
before(async () => {
  database = await catalogueDatabase()
})
after(() => database[Symbol.asyncDispose]())

async function planOf (text: string): Promise<readonly Decision[]> {
  const { plans, unplanned } = await reviewStatements(database.pool, [text])
  assert.deepEqual(unplanned, [])
  return Object.values(plans)[0] ?? []
}

const joined = `select p.name, c.name from product p join category c on c.id = p.category_id
  where p.sku = $1 order by p.price_cents desc`

test('a plan is what was decided: how each relation is read, joins, sorts; no costs', async () => {
  assert.deepEqual(planText(await planOf(joined)), [
    'Sort by p.price_cents DESC',
    '  Nested Loop (c.id = p.category_id)',
    '    Seq Scan on product p, filter ((p.sku)::text = $1)',
    '    Seq Scan on category c',
  ])
  assert.doesNotMatch(JSON.stringify(await planOf(joined)), /[Cc]ost|[Rr]ows/)
  assert.deepEqual(planText(await planOf('select * from product where code = any($1) and name <> $2')), [
    'Bitmap Scan on product by product_code (product.code = ANY ($1)), filter (product.name <> $2)',
  ])
})

test('what subqueries, tables of a WITH and changes do is part of it', async () => {
  const lines = planText(
    await planOf(
      `with x as materialized (select * from category) update product set name = (select max(name) from x
        where x.id = product.category_id) where id = $1`
    )
  )
  assert.deepEqual(lines, [
    'Update on product',
    '  CTE x: Seq Scan on category',
    '  Index Scan on product by product_pkey (product.id = $1)',
    '    for each row: Aggregate',
    '      CTE Scan on x, filter (x.id = product.category_id)',
  ])
})

test('a new index changes the way a relation is read, and the words name both', async () => {
  const was = await planOf(joined)
  await database.pool.query('create index product_sku on product (sku)')
  try {
    assert.deepEqual(comparePlans(was, await planOf(joined)), [
      'product p: was Seq Scan, is now Index Scan by product_sku',
      'product p: index condition ((p.sku)::text = $1) is new',
      'product p: filter ((p.sku)::text = $1) is gone',
      'join of category c, product p: was Nested Loop, is now Hash Join',
      'order of joins: was product p, category c; is now category c, product p',
    ])
  } finally {
    await database.pool.query('drop index product_sku')
  }
})

test('the same decisions are no change, whatever the costs are', async () => {
  const was = await planOf(joined)
  await database.pool.query('analyze product')
  assert.deepEqual(comparePlans(was, await planOf(joined)), [])
})

test('how many parallel workers a server has decides nothing', async () => {
  const eager = { parallel_setup_cost: '0', parallel_tuple_cost: '0', min_parallel_table_scan_size: '0' }
  const text = 'select count(*) from product'
  const { plans } = await database.withSettings(eager, (pool) => reviewStatements(pool, [text]))
  assert.deepEqual(plans[text], await planOf(text))
})

test('another way to join, and a step more or less, are told', () => {
  const plan = (join: string, ...above: Decision[]): Decision[] => [
    ...above,
    { depth: 1, node: join },
    { depth: 2, node: 'Seq Scan', on: 'a' },
    { depth: 2, node: 'Seq Scan', on: 'b' },
  ]
  assert.deepEqual(
    comparePlans(plan('Nested Loop'), plan('Hash Join', { depth: 0, node: 'Sort', keys: 'a.x' })),
    [
      'join of a, b: was Nested Loop, is now Hash Join',
      'Sort by a.x is new',
    ]
  )
  const swapped = plan('Hash Join')
  swapped.push(swapped.splice(1, 1)[0]!)
  assert.deepEqual(comparePlans(plan('Hash Join'), swapped), ['order of joins: was a, b; is now b, a'])
  const once = plan('Hash Join').slice(0, 2)
  assert.deepEqual(comparePlans(once, [...once, { depth: 2, node: 'Seq Scan', on: 'a' }]), [
    'a (2) is read now, by Seq Scan on a',
  ])
  assert.deepEqual(comparePlans([{ depth: 0, node: 'Limit' }], [{ depth: 1, node: 'Limit' }]), [
    'the same steps, in another order',
  ])
})
