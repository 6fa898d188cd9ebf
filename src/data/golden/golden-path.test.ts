import Fastify, { type FastifyInstance } from 'fastify'
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type pg from 'pg'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { plantStatistics } from '../plans/index.ts'
import { openPool } from '../pool/index.ts'
import { statementWatch } from '../watch/index.ts'
import { goldenPath } from './golden-path.ts'

let database: TestDatabase
let pool: pg.Pool
let app: FastifyInstance
let folder: string
let extra = ''
let times = 7

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plimsoll-golden-'))
  database = await testDatabase()
  pool = openPool({ connectionString: database.url, max: 3, observers: [statementWatch()] })
  await pool.query(`create table product (id int primary key, owner int not null);
    insert into product select n, n from generate_series(1, 20) n`)
  await pool.query('analyze product')
  app = Fastify()
  app.get('/products', async () => {
    const { rows } = await pool.query(`select id from product where owner <= $1 order by id limit 8`, [6])
    if (extra !== '') await pool.query(extra)
    return rows
  })
  app.get('/each', async () => {
    for (let id = 1; id <= times; id++) await pool.query('select owner from product where id = $1', [id])
    return 'done'
  })
})
after(async () => {
  await app.close()
  await pool.end()
  await database.close()
  await rm(folder, { recursive: true })
})

async function updating<Result> (work: () => Promise<Result>): Promise<Result> {
  process.env['PLIMSOLL_UPDATE_GOLDEN'] = '1'
  try {
    return await work()
  } finally {
    delete process.env['PLIMSOLL_UPDATE_GOLDEN']
  }
}

test('a path tells response, statements, rows, bytes and plans', async () => {
  const path = await goldenPath(app, '/products', { pool })
  assert.deepEqual([path.response.statusCode, path.queries, path.rows, path.bytes], [200, 1, 6, 55])
  assert.match(path.statements[0]?.site?.file ?? '', /golden-path\.test\.ts$/)
  const plans = await path.plans()
  assert.deepEqual(Object.keys(plans), ['select id from product where owner <= $1 order by id limit ?'])
  await path.expect({ status: 200, queries: 1, rows: { max: 6 }, bytes: { max: 55 } })
  await assert.rejects(path.expect({ queries: 2 }), /queries: expected 2, got 1/)
})

test('what is out of bounds is told all at once, with the lines that sent it', async () => {
  const path = await goldenPath(app, '/products')
  await assert.rejects(
    path.expect({ status: 201, queries: { max: 0 }, rows: 5, bytes: { max: 54 } }),
    (error: Error) => {
      assert.match(error.message, /^GET \/products left its golden path:$/m)
      assert.match(error.message, /^- status: expected 201, got 200: \[\{"id":1\}/m)
      assert.match(
        error.message,
        /^- queries: expected at most 0, got 1\n  src\/data\/golden\/golden-path\.test\.ts:\d+: select/m
      )
      assert.match(error.message, /^- rows: expected 5, got 6\n  6 by src/m)
      assert.match(error.message, /^- bytes: expected at most 54, got 55$/m)
      return true
    }
  )
})

test('an N+1 is off the path, unless repeats are allowed', async () => {
  const path = await goldenPath(app, '/each')
  await assert.rejects(
    path.expect({ queries: 7 }),
    /N\+1: src\/data\/golden\/golden-path\.test\.ts:\d+ sent one statement 7/
  )
  await path.expect({ queries: 7, repeats: true })
})

test('a snapshot says which statement is new and where from, and which decision changed', async () => {
  const options = { pool, file: join(folder, 'products.golden.json') }
  const ask = async (): Promise<void> =>
    (await goldenPath(app, '/products', options)).expect({ plan: 'snapshot' })
  await assert.rejects(ask(), /products\.golden\.json does not have it; .* PLIMSOLL_UPDATE_GOLDEN=1/)
  await updating(ask)
  await ask()
  extra = 'select max(owner) from product'
  await assert.rejects(ask(), (error: Error) => {
    assert.match(
      error.message,
      /- new statement from src\/data\/golden\/golden-path\.test\.ts:\d+: select max\(owner\)/
    )
    assert.match(error.message, /Seq Scan on product/)
    return true
  })
  await updating(ask)
  extra = ''
  await assert.rejects(ask(), /- no longer sent: select max\(owner\) from product/)
  await updating(ask)
  await plantStatistics(pool, { product: { rows: 1_000_000 } })
  await assert.rejects(
    ask(),
    /another plan from src.*\n +product: was \w+ Scan.*, is now Index Scan by product_pkey/
  )
})

test('a snapshot knows how often a statement was sent', async () => {
  const options = { pool, file: join(folder, 'each.golden.json') }
  const ask = async (): Promise<void> =>
    (await goldenPath(app, '/each', options)).expect({ plan: 'snapshot', repeats: true })
  await updating(ask)
  times = 3
  await assert.rejects(ask(), /- sent 3 times, was 7, from src.*: select owner from product where id = \$1/)
  times = 7
})

test('a file holds many paths, written at the same time by one process', async () => {
  const file = join(folder, 'many.golden.json')
  const write = async (name: string): Promise<void> =>
    (await goldenPath(app, '/products', { pool, file, name })).expect({ plan: 'snapshot' })
  await updating(() => Promise.all(['b', 'a', 'c'].map(write)))
  const content = JSON.parse(await readFile(file, 'utf8'))
  assert.deepEqual(Object.keys(content.paths), ['a', 'b', 'c'])
  assert.equal(Object.values<{ count: number }>(content.paths.a)[0]?.count, 1)
  await write('b')
})

test('the file lies beside the test, under its name', async () => {
  const path = await goldenPath(app, { method: 'GET', url: '/products?x=1' }, { pool })
  await assert.rejects(path.expect({ plan: 'snapshot' }), (error: Error) => {
    assert.ok(error.message.startsWith('GET /products?x=1 left'))
    assert.ok(error.message.includes(join(import.meta.dirname, 'golden-path.golden.json')))
    return true
  })
})

test('without a pool there are no plans, and it says what to pass', async () => {
  const path = await goldenPath(app, '/products')
  await assert.rejects(path.plans(), /pass the pool/)
})
