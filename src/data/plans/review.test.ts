import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type CatalogueDatabase, catalogueDatabase } from './catalogue.fixture.ts'
import { planText } from './decisions.ts'
import { type PlanFinding, type PlanReview, type ReviewOptions, reviewStatements } from './review.ts'

let database: CatalogueDatabase
before(async () => {
  database = await catalogueDatabase()
})
after(() => database[Symbol.asyncDispose]())

async function review (text: string, options?: ReviewOptions): Promise<PlanReview> {
  return reviewStatements(database.pool, [text], options)
}

async function findings (text: string, options?: ReviewOptions): Promise<readonly PlanFinding[]> {
  const { findings, unplanned } = await review(text, options)
  assert.deepEqual(unplanned, [])
  return findings
}

async function only (text: string, options?: ReviewOptions): Promise<PlanFinding> {
  const [finding, ...others] = await findings(text, options)
  assert.deepEqual(others, [])
  assert.ok(finding)
  return finding
}

const indexOf = ({ index }: PlanFinding): string | undefined =>
  index?.replace('CREATE INDEX CONCURRENTLY ON public.', '')

test('a statement that an index serves has no findings', async () => {
  assert.deepEqual(await findings('select * from product where id = $1'), [])
  assert.deepEqual(
    await findings(
      'select p.name, c.name from product p join category c on c.id = p.category_id where p.id = $1'
    ),
    []
  )
  assert.deepEqual(await findings('select * from category where name = $1'), [], 'a small table')
})

test('reading the whole is right where most of it is wanted', async () => {
  assert.deepEqual(await findings('select count(*) from product where price_cents > 100'), [])
  assert.deepEqual(await findings('select count(*) from product p join review r on r.product_id = p.id'), [])
  const kinds = (await findings('select id from product order by name')).map(({ kind }) => kind)
  assert.deepEqual(kinds, ['unbounded'], 'a sort of all')
})

test('an index that is there and not used, or would not be used, is not advised', async () => {
  const off = { enable_indexscan: 'off', enable_indexonlyscan: 'off', enable_bitmapscan: 'off' }
  await database.withSettings(off, async (pool) => {
    const { findings } = await reviewStatements(pool, ['select * from product where code = $1 limit 1'])
    assert.deepEqual(findings, [])
    const text = 'select * from product where sku = $1 limit 1'
    assert.equal((await reviewStatements(pool, [text])).findings.length, 1)
    // What is off is taken all the same where nothing else is left, at a price that no index is worth.
    assert.deepEqual((await reviewStatements(pool, [text], { prove: true })).findings, [])
  })
})

test('a large table that is read for a few rows gets an index, equality before range', async () => {
  const finding = await only(
    'select * from product where price_cents > $1 and sku = $2 and tenant = $3 limit 5'
  )
  assert.equal(finding.kind, 'missing-index')
  assert.equal(indexOf(finding), 'product (sku, tenant, price_cents)')
  assert.match(finding.evidence, /^product has about 30,000 rows, all of which are read to keep about \d+ by/)
  assert.match(finding.advice, /not tried; it rests on the plan and the statistics/)
  assert.equal(finding.proof, undefined)
})

test('a sort for a LIMIT gets an index that is in its order, after what must be equal', async () => {
  const finding = await only(
    'select * from product where tenant is not null order by price_cents desc limit $1'
  )
  assert.equal(indexOf(finding), 'product (price_cents)')
  assert.match(finding.evidence, /about 30,000 rows of product are sorted for a LIMIT/)
  const both = await only('select * from product where category_id = $1 order by name, id desc limit 10')
  assert.equal(indexOf(both), 'product (category_id, name, id DESC)')
})

test('a join that reads a whole table for a few rows gets an index of what it joins by', async () => {
  const finding = await only('select * from product p join review r on r.product_id = p.id where p.id = $1')
  assert.equal(indexOf(finding), 'review (product_id)')
})

test('proven: the index is created and taken back, and the planner takes it', async () => {
  const finding = await only('select * from product where sku = $1', { prove: true })
  assert.equal(indexOf(finding), 'product (sku)')
  assert.equal(finding.proof?.by, 'created')
  assert.ok(finding.proof.factor > 50)
  assert.match(
    finding.advice,
    /tried with a real index, taken back, the planner takes it and estimates \d+ times/
  )
  const { rows } = await database.pool.query("select indexname from pg_indexes where tablename = 'product'")
  assert.deepEqual(rows.map(({ indexname }) => indexname).toSorted(), ['product_code', 'product_pkey'])
})

test('proven: of several indexes the one that helps most is advised, and none is left for the next', async () => {
  const { findings, unplanned } = await reviewStatements(database.pool, [
    'select * from product where price_cents > $1 order by name limit 10',
    'select * from product where category_id = $1 and price_cents > $2 order by name limit 10',
    'select * from product where category_id = $1 and price_cents > $2 and sku = $3 limit 10',
  ], { prove: true })
  assert.deepEqual(unplanned, [])
  assert.deepEqual(findings.map((finding) => indexOf(finding)), [
    'product (name)',
    'product (category_id, price_cents)',
    'product (sku, category_id, price_cents)',
  ])
})

test('proven: advice that the planner would not take is not given', async () => {
  await database.pool.query('create table flag (id int primary key, flag bool not null, pad text)')
  await database.pool.query(
    "insert into flag select n, n % 8 = 0, repeat('x', 10) from generate_series(1, 30000) n"
  )
  await database.pool.query('vacuum analyze flag')
  const text = 'select count(*) from flag where not flag'
  assert.deepEqual(await findings(text, { prove: true }), [])
})

test('a table too large to try on says so', async () => {
  const finding = await only('select * from product where sku = $1', { prove: true, proveRows: 20_000 })
  assert.match(finding.advice, /not tried: the table is too large/)
})

test('HypoPG is used where it is there, without a real index', async () => {
  // A stand-in with the extension's face; the extension itself is not part of the embedded server.
  await database.pool.query(`
    CREATE FUNCTION hypopg_create_index(sql text, OUT indexrelid oid, OUT indexname text) LANGUAGE plpgsql AS $$
    BEGIN
      EXECUTE replace(sql, 'INDEX ON', 'INDEX hypothetical ON');
      indexname := 'hypothetical';
    END $$;
    CREATE FUNCTION hypopg_reset() RETURNS void LANGUAGE sql AS ''`)
  try {
    const finding = await only('select * from product where sku = $1')
    assert.equal(finding.proof?.by, 'hypopg')
    assert.match(finding.advice, /tried with HypoPG/)
  } finally {
    await database.pool.query('DROP FUNCTION hypopg_create_index; DROP FUNCTION hypopg_reset')
  }
})

test('a conversion that keeps an index from being used is told, and one that does not is not', async () => {
  const found = await findings('select * from product where id = $1::numeric limit 1')
  const cast = found.find(({ kind }) => kind === 'cast')
  assert.match(cast?.evidence ?? '', /^product\.id is integer and has an index, .* turned into numeric first/)
  assert.match(cast?.advice ?? '', /\$1::integer/)
  assert.equal(found.some(({ kind }) => kind === 'missing-index'), false, 'an index would not be used either')
  const plain = await findings('select * from product where sku = $1::text limit 1')
  assert.deepEqual(plain.map(({ kind }) => kind), ['missing-index'])
})

test('what no plain index serves is told with what would', async () => {
  const like = await only("select * from product where name like '%' || $1 limit 5")
  assert.equal(like.kind, 'whole-table')
  assert.match(like.advice, /trigram/)
  assert.match((await only('select * from product where lower(name) = $1')).advice, /expression/)
  assert.match((await only('select * from product where name = $1 or sku = $2 limit 9')).advice, /UNION/)
})

test('OFFSET and a result without a limit are told', async () => {
  assert.equal((await only('select * from product order by id limit 20 offset $1')).kind, 'offset')
  const all = await only('select id from product')
  assert.equal(all.kind, 'unbounded')
  assert.match(all.evidence, /about 30,000 rows/)
  assert.deepEqual(await findings('select id from product', { unboundedRows: 50_000 }), [])
  assert.deepEqual(await findings('update product set name = $1'), [])
  assert.deepEqual(await findings('select count(*) from product'), [])
})

test('statements are planned, never run; what cannot be planned says why', async () => {
  const { plans, unplanned } = await reviewStatements(database.pool, [
    'delete from category',
    'insert into category values ($1, $2)',
    'select 1; drop table category',
    'analyze category',
    'truncate category',
    'select nonsense from category',
    'select from',
  ])
  assert.deepEqual(Object.keys(plans), ['delete from category', 'insert into category values (...)'])
  assert.match(
    unplanned.find(({ statement }) => statement.includes('drop'))?.reason ?? '',
    /multiple commands/
  )
  assert.match(
    unplanned.find(({ statement }) => statement.includes('nonsense'))?.reason ?? '',
    /does not exist/
  )
  assert.equal(unplanned.length, 5)
  assert.equal((await database.pool.query('select count(*)::int as n from category')).rows[0].n, 20)
})

test('one plan serves all texts of a statement', async () => {
  const { plans } = await reviewStatements(database.pool, [
    'select name from product where id = 1',
    'select name from product where id = 2 -- again',
  ])
  assert.deepEqual(Object.entries(plans).map(([statement, plan]) => [statement, planText(plan)]), [[
    'select name from product where id = ?',
    ['Index Scan on product by product_pkey (product.id = ?)'],
  ]])
})

test('what one statement needs is told once', async () => {
  const { findings } = await reviewStatements(database.pool, [
    "select * from product where sku = 'a' limit 1",
    "select * from product where sku = 'b' limit 1",
  ])
  assert.equal(findings.length, 1)
})

test('sizes can be assumed for the review, and are gone after it', async () => {
  await database.pool.query(
    'create table small (id int primary key, owner int); insert into small values (1, 1)'
  )
  await database.pool.query('analyze small')
  const text = 'select * from small where owner = $1 limit 10'
  assert.deepEqual(await findings(text), [])
  const finding = await only(text, { assume: { small: { rows: 500_000 } }, prove: true })
  assert.match(finding.evidence, /small has about 500,000 rows/)
  assert.equal(indexOf(finding), 'small (owner)')
  assert.equal(finding.proof?.by, 'created')
  const { rows } = await database.pool.query(
    "select reltuples, reloptions from pg_class where relname = 'small'"
  )
  assert.deepEqual(rows, [{ reltuples: 1, reloptions: null }])
})

test('an option that cannot be is refused', async () => {
  await assert.rejects(review('select 1', { largeRows: 0 }), { code: 'SETTING_INVALID' })
  await assert.rejects(review('select 1', { unboundedRows: NaN }), { code: 'SETTING_INVALID' })
  await assert.rejects(review('select 1', { assume: { nothing: { rows: 1 } } }), {
    code: 'PLANS_UNAVAILABLE',
  })
})
