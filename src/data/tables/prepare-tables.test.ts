import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { prepareTables } from './prepare-tables.ts'

let database: TestDatabase
let pool: pg.Pool

before(async () => {
  database = await testDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 4 })
})

after(async () => {
  await pool.end()
  await database.close()
})

const first = ['create table plimsoll_thing (id int)', 'insert into plimsoll_thing values (1)']
const second = ['alter table plimsoll_thing add name text', 'insert into plimsoll_thing values (2)']

async function things (table: string): Promise<unknown[]> {
  return (await pool.query<{ id: number }>(`select id from ${table} order by id`)).rows.map(({ id }) => id)
}

test('each version runs once, whoever starts, however many at once', async () => {
  const prepare = (versions: string[][]): Promise<void> => prepareTables(pool, { part: 'thing', versions })
  await Promise.all([prepare([first]), prepare([first]), prepare([first])])
  assert.deepEqual(await things('plimsoll_thing'), [1])
  await Promise.all([prepare([first, second]), prepare([first, second])])
  await prepare([first, second])
  assert.deepEqual(await things('plimsoll_thing'), [1, 2])
})

test('an older release refuses tables that it would misread', async () => {
  await assert.rejects(prepareTables(pool, { part: 'thing', versions: [first] }), { code: 'TABLES_TOO_NEW' })
})

test('a schema is made where it is missing, and the search path of the pool stays', async () => {
  await prepareTables(pool, { part: 'thing', schema: 'Work "A"', versions: [first] })
  assert.deepEqual(await things('"Work ""A""".plimsoll_thing'), [1])
  const { rows } = await pool.query<{ path: string }>(`select current_setting('search_path') as path`)
  assert.doesNotMatch(rows[0]!.path, /Work/)
})

test('a version that fails leaves nothing behind', async () => {
  const broken = prepareTables(pool, {
    part: 'other',
    versions: [['create table left_over (id int)', 'select 1/0']],
  })
  await assert.rejects(broken, { code: '22012' })
  assert.equal((await pool.query(`select to_regclass('left_over') as there`)).rows[0].there, null)
})

test('a role that may not create tables starts where they are there', async () => {
  await pool.query(`create role visitor login password 'visit'; grant usage on schema public to visitor;
    grant select on plimsoll_part to visitor`)
  const url = new URL(database.url)
  url.username = 'visitor'
  url.password = 'visit'
  const visitor = new pg.Pool({ connectionString: url.href })
  try {
    await prepareTables(visitor, { part: 'thing', versions: [first, second] })
    await assert.rejects(prepareTables(visitor, { part: 'third', versions: [first] }), { code: '42501' })
  } finally {
    await visitor.end()
    await pool.query('drop owned by visitor; drop role visitor')
  }
})
