import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import pg from 'pg'
import { transaction } from '../../data/index.ts'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { manualClock } from '../../kernel/index.ts'
import { CommitWatch } from './commit-watch.ts'

let database: TestDatabase
let pool: pg.Pool

before(async () => {
  database = await testDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 2 })
})

after(async () => {
  await pool.end()
  await database.close()
})

function watched (): { ended: string[][]; watch: CommitWatch; clock: ReturnType<typeof manualClock> } {
  const clock = manualClock()
  const ended: string[][] = []
  return { ended, clock, watch: new CommitWatch(clock, (tiers) => ended.push([...tiers])) }
}

test('the end of a transaction is heard once, after it, with all that was written in it', async () => {
  const { ended, watch } = watched()
  await transaction(pool, async (tx) => {
    await tx.query('select 1')
    watch.wrote(tx, 'within-5s')
    await tx.query('select 2')
    watch.wrote(tx, 'within-1m')
    watch.wrote(tx, 'within-5s')
    await tx.query('select 3')
    assert.deepEqual(ended, [])
  })
  await turn()
  assert.deepEqual(ended, [['within-5s', 'within-1m']])
  await pool.query('select 4')
  assert.equal(ended.length, 1)
})

test('the next transaction on the same connection is heard, too, and no listener is left behind', async () => {
  const { ended, watch } = watched()
  const client = await pool.connect()
  for (let round = 1; round <= 20; round++) {
    await client.query('begin')
    watch.wrote(client, 'within-5s')
    await client.query(round % 2 === 0 ? 'commit' : 'rollback')
    await turn()
    assert.equal(ended.length, round)
  }
  assert.equal(client.listenerCount('drain'), 0)
  client.release()
})

test('what is written outside of a transaction, or through a pool, is committed already', async () => {
  const { ended, watch } = watched()
  const client = await pool.connect()
  await client.query('select 1')
  watch.wrote(client, 'within-5s')
  assert.equal(ended.length, 1)
  client.release()
  watch.wrote(pool, 'within-5s')
  assert.equal(ended.length, 2)
})

test('of a connection that tells nothing, the end is guessed', () => {
  const { ended, watch, clock } = watched()
  watch.wrote({ query: (async () => ({ rows: [] })) as never }, 'within-5s')
  clock.advance(500)
  assert.equal(ended.length, 3)
})
