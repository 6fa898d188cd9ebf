import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { planText } from './decisions.ts'
import { plantStatistics } from './planted-statistics.ts'
import { reviewStatements } from './review.ts'

test('ten rows get the plans of a large table, which autovacuum leaves alone', async () => {
  await using database = await testDatabase()
  const pool = new pg.Pool({ connectionString: database.url, max: 2 })
  await pool.query(
    `create schema shop; create table shop."Order item" (id int primary key, owner int, state text);
    create index owner on shop."Order item" (owner);
    insert into shop."Order item" select n, n, 'x' from generate_series(1, 10) n`
  )
  await pool.query('analyze')
  const text = 'select * from shop."Order item" where owner = $1 and state = $2 limit 10'
  const plan = async (): Promise<string> => {
    const { plans } = await reviewStatements(pool, [text])
    return planText(Object.values(plans)[0] ?? []).at(-1) ?? ''
  }
  assert.match(await plan(), /^ *Seq Scan on Order item/)
  await plantStatistics(pool, { 'shop."Order item"': { rows: 200_000 } })
  assert.match(await plan(), /(?:Index|Bitmap) Scan on Order item by owner/)
  await plantStatistics(pool, {
    'shop."Order item"': {
      rows: 200_000,
      columns: { owner: { distinct: 1 }, state: { distinct: 2, nulls: 0.1 } },
    },
  })
  assert.match(await plan(), /^ *Seq Scan on Order item/, 'an index that leads to every row is of no use')
  const { rows } = await pool.query("select reloptions from pg_class where relname = 'Order item'")
  assert.deepEqual(rows, [{ reloptions: ['autovacuum_enabled=false'] }])
  await pool.end()
})

test('a table that is not there or empty is refused, and nothing is planted', async () => {
  await using database = await testDatabase()
  const pool = new pg.Pool({ connectionString: database.url, max: 2 })
  await pool.query(
    'create table full_one (id int); insert into full_one values (1); create table empty (id int)'
  )
  const refused = (table: string, message: RegExp): Promise<void> =>
    assert.rejects(plantStatistics(pool, { full_one: { rows: 9_000 }, [table]: { rows: 1_000 } }), {
      code: 'PLANS_UNAVAILABLE',
      message,
    })
  await refused('nowhere', /nowhere: there is no such table/)
  await refused('empty', /empty, which the planner sees; give it a row/)
  const { rows } = await pool.query("select reltuples from pg_class where relname = 'full_one'")
  assert.notEqual(rows[0].reltuples, 9_000)
  await pool.end()
})
