import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { seededRandom } from '../../kernel/index.ts'
import { postgresIdempotencyStore } from './postgres-store.ts'
import { claimOf, someAnswer, someKey, take } from './store-under-test.fixture.ts'
import { testIdempotencyStore } from './store.contract.ts'

let database: TestDatabase
let pool: pg.Pool

before(async () => {
  database = await testDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 8 })
  pool.on('error', () => {})
})
after(async () => {
  await pool?.end()
  await database?.close()
})

testIdempotencyStore('postgres', async () => ({
  store: postgresIdempotencyStore({ pool, schema: 'a "schema"' }),
  async lapse (key) {
    await pool.query(`UPDATE "a ""schema""".plimsoll_idempotency SET lease_until = now() WHERE key = $1`, [
      key,
    ])
  },
  async expire (key) {
    await pool.query(
      `UPDATE "a ""schema""".plimsoll_idempotency SET lease_until = now(), expires_at = now() WHERE key = $1`,
      [key]
    )
  },
  async [Symbol.asyncDispose] () {},
}), { runs: 40 })

test('postgres: many workers may prepare at once, and need no right to create once it is done', async () => {
  const stores = Array.from({ length: 6 }, () => postgresIdempotencyStore({ pool, schema: 'together' }))
  await Promise.all(stores.map((store) => store.prepare()))
  await pool.query(`DROP ROLE IF EXISTS plimsoll_writer; CREATE ROLE plimsoll_writer;
    GRANT USAGE ON SCHEMA together TO plimsoll_writer;
    GRANT SELECT, INSERT, UPDATE, DELETE ON together.plimsoll_idempotency TO plimsoll_writer`)
  const client = await pool.connect()
  try {
    await client.query('SET ROLE plimsoll_writer')
    const single = { query: client.query.bind(client), connect: async () => client } as unknown as pg.Pool
    const store = postgresIdempotencyStore({ pool: single, schema: 'together' })
    await store.prepare()
    await store.settle(await take(store, someKey()), someAnswer)
  } finally {
    client.release(true)
    await pool.query('DROP OWNED BY plimsoll_writer; DROP ROLE plimsoll_writer')
  }
})

test('postgres: an answer settled in a transaction is there if and only if that commits', async () => {
  const store = postgresIdempotencyStore({ pool })
  await store.prepare()
  const [kept, undone] = [someKey(), someKey()]
  const { run, settleIn } = store.transactions!
  const lease = await take(store, kept)
  await run(async (tx) => assert.equal(await settleIn(tx, lease, someAnswer), true))
  assert.deepEqual(await store.claim(claimOf(kept)), { kind: 'answered', answer: someAnswer })
  const other = await take(store, undone)
  const failure = new Error('after the record')
  await assert.rejects(
    run(async (tx) => {
      await settleIn(tx, other, someAnswer)
      throw failure
    }),
    failure
  )
  assert.equal((await store.claim(claimOf(undone))).kind, 'held')
})

test('postgres: nobody waits behind a transaction that is about to commit, or has been left open', async () => {
  const store = postgresIdempotencyStore({ pool })
  await store.prepare()
  const key = someKey()
  const lease = await take(store, key)
  const { run, settleIn } = store.transactions!
  await run(async (tx) => {
    await settleIn(tx, lease, someAnswer)
    // Its lease ends while it commits: who asks now is not made to wait for the row, and does not take it over.
    assert.equal((await store.claim(claimOf(key))).kind, 'held')
    assert.equal(await store.sweep(1_000), 0)
  })
  assert.equal((await store.claim(claimOf(key))).kind, 'answered')
})

test('postgres: a lapsed lease whose transaction has written its record is not taken over, and nobody hangs', async () => {
  const store = postgresIdempotencyStore({ pool })
  await store.prepare()
  const key = someKey()
  const lease = await take(store, key)
  await pool.query('UPDATE plimsoll_idempotency SET lease_until = now() WHERE key = $1', [key])
  const { run, settleIn } = store.transactions!
  await run(async (tx) => {
    await settleIn(tx, lease, someAnswer)
    const claimed = await store.claim(claimOf(key))
    assert.deepEqual(claimed.kind, 'held')
  })
  assert.equal((await store.claim(claimOf(key))).kind, 'answered')
})

test('postgres: a holder that hangs with its record uncommitted is cut by the server when its lease ends', async () => {
  const store = postgresIdempotencyStore({ pool })
  await store.prepare()
  const key = someKey()
  const claimed = await store.claim({ ...claimOf(key), leaseMs: 1_000 })
  assert.equal(claimed.kind, 'taken')
  if (claimed.kind !== 'taken') return
  const { run, settleIn } = store.transactions!
  await assert.rejects(run(async (tx) => {
    await settleIn(tx, claimed.lease, someAnswer)
    // Nothing more is heard of it; meanwhile others ask.
    await waitUntil('another may run', async () => (await store.claim(claimOf(key))).kind === 'taken')
  }))
  assert.equal((await store.claim(claimOf(key))).kind, 'held')
})

test('postgres: thousands of keys that come and expire leave the table as large as it was', async (t) => {
  const store = postgresIdempotencyStore({ pool, schema: 'bloat' })
  await store.prepare()
  const random = seededRandom(7)
  const sizes: number[] = []
  for (let round = 0; round < 6; round++) {
    for (let batch = 0; batch < 20; batch++) {
      await Promise.all(Array.from({ length: 50 }, async () => {
        const lease = await take(store, someKey())
        const body = Buffer.alloc(100 + Math.floor(random() * 300), 'x')
        await store.settle(lease, { ...someAnswer, body })
      }))
    }
    await pool.query('UPDATE bloat.plimsoll_idempotency SET expires_at = now()')
    let swept = 0
    for (let gone = await store.sweep(300); gone > 0; gone = await store.sweep(300)) swept += gone
    assert.equal(swept, 1_000)
    await pool.query('VACUUM bloat.plimsoll_idempotency') // as autovacuum does once 1,000 rows are dead
    const { rows: [size] } = await pool.query<{ bytes: string }>(
      `SELECT pg_total_relation_size('bloat.plimsoll_idempotency') AS bytes`
    )
    sizes.push(Number(size?.bytes))
  }
  t.diagnostic(`bytes after each 1,000 keys: ${sizes.join(', ')}`)
  // One that kept them would be three times as large. Pages of an index that were emptied are used again only when no
  // snapshot of the time is left, which is a round later or two.
  assert.ok(sizes.at(-1)! <= sizes[1]! * 1.5, sizes.join(', '))
})

test('postgres: nearly every answer is a HOT update, which leaves nothing for a vacuum', async (t) => {
  // A connection tells its statistics when it ends.
  const own = new pg.Pool({ connectionString: database.url, max: 8 })
  const store = postgresIdempotencyStore({ pool: own, schema: 'hot' })
  await store.prepare()
  for (let batch = 0; batch < 20; batch++) {
    await Promise.all(Array.from({ length: 50 }, async () => {
      const lease = await take(store, someKey())
      await store.settle(lease, { ...someAnswer, body: Buffer.alloc(200, 'x') })
    }))
  }
  await own.end()
  let share = 0
  await waitUntil('the statistics are there', async () => {
    const { rows: [stat] } = await pool.query<{ updates: string; hot: string }>(
      `SELECT n_tup_upd AS updates, n_tup_hot_upd AS hot FROM pg_stat_user_tables
        WHERE relid = 'hot.plimsoll_idempotency'::regclass`
    )
    share = Number(stat?.hot) / Number(stat?.updates)
    return stat?.updates === '1000'
  })
  t.diagnostic(`HOT share of updates: ${share.toFixed(3)}`)
  assert.ok(share > 0.95, String(share))
})
