import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { type WriteBehind, writeBehind, type WriteBehindOptions } from './write-behind.ts'
import { WriteLog } from './write-log.ts'

let database: TestDatabase
let pool: pg.Pool

before(async () => {
  database = await testDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 6 })
  pool.on('error', () => {})
  await pool.query('CREATE TABLE counter (key text PRIMARY KEY, n int NOT NULL)')
})
beforeEach(() => pool.query('TRUNCATE counter'))
after(async () => {
  await pool.end()
  await database.close()
})

function counters (options: Partial<WriteBehindOptions<number>> = {}): WriteBehind<number> {
  return writeBehind<number>({
    name: 'counters',
    pool,
    durability: 'log',
    schema: 'behind',
    maxDelay: 50,
    merge: (older, newer) => older + newer,
    async apply (tx, batch) {
      await tx.query(
        `INSERT INTO counter SELECT * FROM unnest($1::text[], $2::int[])
         ON CONFLICT (key) DO UPDATE SET n = counter.n + excluded.n`,
        [batch.map(({ key }) => key), batch.map(({ value }) => value)]
      )
    },
    ...options,
  })
}

async function counted (): Promise<Record<string, number>> {
  const { rows } = await pool.query<{ key: string; n: number }>('SELECT * FROM counter ORDER BY key')
  return Object.fromEntries(rows.map(({ key, n }) => [key, n]))
}

const logged = async (): Promise<number> =>
  (await pool.query('SELECT FROM behind.plimsoll_write_log')).rowCount ?? 0

test('an accepted write is in the log, and is applied and gone from it after the delay', async () => {
  await using writes = counters()
  await Promise.all([writes.prepare(), writes.prepare()])
  await Promise.all(Array.from({ length: 100 }, (_, nth) => writes.write(`k${nth % 2}`, 1)))
  await waitUntil('it is applied', async () => (await counted())['k0'] === 50)
  assert.deepEqual(await counted(), { k0: 50, k1: 50 })
  assert.equal(await logged(), 0)
})

test('a batch that fails stays in the log, whole, and is tried again', async () => {
  let failures = 2
  const told: unknown[] = []
  await using writes = counters({
    onFailed: (error) => told.push(error),
    async apply (tx, batch) {
      await tx.query('INSERT INTO counter VALUES ($1, $2)', [batch[0]?.key, batch[0]?.value])
      if (failures-- > 0) throw new Error('second thoughts')
    },
  })
  await writes.prepare()
  await writes.write('a', 1)
  await assert.rejects(writes.flush(), /second thoughts/)
  assert.equal(await logged(), 1)
  assert.deepEqual(await counted(), {})
  await waitUntil('it is applied', async () => (await counted())['a'] === 1)
  assert.equal(told.length, 2)
})

test('several processes that apply at a time: each write once, those to one key in their order', async () => {
  const seen: number[] = []
  const all = Array.from({ length: 3 }, () =>
    counters({
      batch: 5,
      merge: (_, newer) => newer,
      async apply (tx, batch) {
        for (const { key, value } of batch) if (key === 'a') seen.push(value)
        await tx.query('SELECT pg_sleep(0.002)')
      },
    }))
  await all[0]?.prepare()
  for (let nth = 0; nth < 60; nth++) {
    await all[nth % 3]?.write('a', nth)
    if (nth % 10 === 0) await Promise.all(all.map((writes) => writes.flush()))
  }
  await Promise.all(all.map((writes) => writes.flush()))
  assert.deepEqual(seen, seen.toSorted((one, other) => one - other))
  assert.equal(seen.at(-1), 59)
  assert.equal(await logged(), 0)
  for (const writes of all) await writes.close()
})

test('a process that finds another at it does not wait for it', async () => {
  const log = new WriteLog<number>(pool, 'busy', 'behind')
  await log.append([{ key: 'a', json: '1' }])
  const begun = Promise.withResolvers<void>()
  const goOn = Promise.withResolvers<void>()
  const first = log.drain(10, async () => {
    begun.resolve()
    await goOn.promise
  })
  await begun.promise
  assert.equal(await log.drain(10, async () => assert.fail('it is at it')), undefined)
  goOn.resolve()
  assert.equal(await first, 1)
})

test('buffers of different names in one table do not meet', async () => {
  await using one = counters()
  await using other = counters({ name: 'others', apply: async () => assert.fail('not its own') })
  await one.prepare()
  await one.write('a', 1)
  await other.flush()
  await one.flush()
  assert.deepEqual(await counted(), { a: 1 })
})

test('a write that cannot be committed is refused, and the next one goes through', async () => {
  await using writes = counters()
  await writes.prepare()
  await pool.query('ALTER TABLE behind.plimsoll_write_log RENAME TO away')
  await assert.rejects(writes.write('a', 1), { code: '42P01' })
  await pool.query('ALTER TABLE behind.away RENAME TO plimsoll_write_log')
  await writes.write('a', 1)
  await writes.flush()
  assert.deepEqual(await counted(), { a: 1 })
})

test('a close applies what is in the log, and leaves there what cannot be applied', async () => {
  const writes = counters()
  await writes.prepare()
  await writes.write('a', 1)
  await writes.close()
  await assert.rejects(writes.write('b', 1), { code: 'WRITE_BEHIND_CLOSED' })
  assert.deepEqual(await counted(), { a: 1 })
  const failing = counters({ apply: () => Promise.reject(new Error('no')) })
  await failing.write('b', 1)
  await failing.close()
  assert.equal(await logged(), 1)
})
