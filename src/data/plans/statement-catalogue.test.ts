import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { openPool } from '../pool/index.ts'
import { StatementCatalogue } from './statement-catalogue.ts'

test('each statement is kept once, with how often it ran, how long, and where it came from', async () => {
  await using database = await testDatabase()
  const catalogue = new StatementCatalogue()
  const pool = openPool({ connectionString: database.url, observers: [catalogue] })
  for (let id = 0; id < 3; id++) await pool.query('select * from generate_series(1, $1::int)', [id])
  await pool.query('begin')
  await pool.query('select pg_sleep(0.02)')
  await pool.query('select nonsense').catch(() => {})
  await pool.end()
  const [slowest] = catalogue.statements()
  assert.match(slowest?.fingerprint ?? '', /pg_sleep|generate_series/)
  const series = catalogue.statements().find(({ fingerprint }) => fingerprint.includes('generate_series'))
  assert.deepEqual([series?.count, series?.rows, series?.site?.file], [
    3,
    3,
    'src/data/plans/statement-catalogue.test.ts',
  ])
  assert.ok((catalogue.statements().find(({ text }) => text.includes('sleep'))?.seconds ?? 0) >= 0.02)
  assert.equal(catalogue.statements().some(({ text }) => text === 'begin'), false)
})

test('it holds no more than its limit, and says how many it missed', () => {
  const catalogue = new StatementCatalogue(2)
  const outcome = { error: undefined, command: 'SELECT', rowCount: 1, seconds: 1 }
  for (const text of ['select a', 'select b', 'select c', 'select a']) {
    const token = catalogue.sent(text)
    if (token !== undefined) catalogue.ended(token, outcome)
  }
  assert.deepEqual(catalogue.statements().map(({ text, count }) => [text, count]), [['select a', 2], [
    'select b',
    1,
  ]])
  assert.equal(catalogue.missed, 1)
})
