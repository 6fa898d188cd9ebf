import fc from 'fast-check'
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { checkPoolBudget, poolSizeFor } from './pool-budget.ts'

let database: TestDatabase
let admin: pg.Pool

before(async () => {
  database = await testDatabase()
  admin = new pg.Pool({ connectionString: database.url, max: 1 })
})
after(async () => {
  await admin.end()
  await database.close()
})

test('the fleet never takes more than the database gives, and could not take one more in each pool', () => {
  const fleets = fc.record({
    databaseConnections: fc.integer({ min: 1, max: 2_000 }),
    replicas: fc.integer({ min: 1, max: 20 }),
    workers: fc.integer({ min: 1, max: 32 }),
    share: fc.double({ min: 0.05, max: 1, noNaN: true }),
  })
  fc.assert(
    fc.property(fleets, (options) => {
      const { databaseConnections, replicas, workers, share } = options
      const taken = (size: number): number => replicas * (workers + 1) * (size + 1)
      let size = 0
      try {
        size = poolSizeFor(options)
        assert.ok(taken(size) <= databaseConnections * share)
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'SETTING_INVALID')
      }
      assert.ok(taken(size + 1) > Math.floor(databaseConnections * share))
    }),
    { numRuns: 200 }
  )
})

test('a fleet that the database cannot serve at all is told how many connections it needs', () => {
  const fleet = { replicas: 3, workers: 4 }
  assert.throws(() => poolSizeFor({ databaseConnections: 29, ...fleet }), {
    setting: 'databaseConnections',
    message: /at least 30 for 3 x 4 workers, got 29/,
  })
  assert.equal(poolSizeFor({ databaseConnections: 30, ...fleet }), 1)
  assert.throws(() => poolSizeFor({ databaseConnections: 30, replicas: 0, workers: 1 }), {
    setting: 'replicas',
  })
  assert.throws(() => poolSizeFor({ databaseConnections: 30, replicas: 1, workers: 0.5 }), {
    setting: 'workers',
  })
  assert.throws(() => poolSizeFor({ databaseConnections: 30, replicas: 1, workers: 1, share: 1.1 }), {
    setting: 'share',
  })
})

/** Runs `check` as an ordinary role with a limit of its own. */
async function asRole (
  limit: number,
  max: number,
  check: (pool: pg.Pool) => Promise<void>,
  rights = ''
): Promise<void> {
  const role = `budget_${process.pid}_${Math.abs(limit)}`
  await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD 'p' CONNECTION LIMIT ${limit} ${rights}`)
  const url = new URL(database.url)
  url.username = role
  url.password = 'p'
  const pool = new pg.Pool({ connectionString: url.href, max })
  try {
    await check(pool)
  } finally {
    await pool.end()
    await admin.query(`DROP ROLE ${role}`)
  }
}

test('pools that do not fit stop the boot, with the rule, the sum and the largest size that does', async () => {
  const { rows: [row] } = await admin.query<{ given: number; max: number }>(
    `SELECT current_setting('max_connections')::int AS max, current_setting('max_connections')::int
       - current_setting('superuser_reserved_connections')::int - current_setting('reserved_connections')::int AS given`
  )
  const { given, max } = row!
  await asRole(-1, given, async (pool) => {
    const largest = Math.floor(given / 6) - 1
    await assert.rejects(checkPoolBudget(pool, { replicas: 2, workers: 2 }), {
      setting: 'database.poolSize',
      value: given,
      message: new RegExp(
        `at most ${largest}: 2 machines x \\(2 workers \\+ 1 .* = ${6 * (given + 1)} connections, and the ` +
          `database gives ${given} \\(max_connections ${max}, `
      ),
    })
  })
  await asRole(-1, 2, async (pool) => {
    const budget = await checkPoolBudget(pool, { replicas: 1, workers: 1 })
    assert.equal(budget.available, given)
    assert.equal(budget.needed, 6)
    assert.equal(budget.pooled, false)
    assert.equal(budget.largestPoolSize, Math.floor(given / 2) - 1)
  })
})

test('the limits of the role and of the database count, and the share of the service', async () => {
  await asRole(13, 4, async (pool) => {
    await assert.rejects(checkPoolBudget(pool, { replicas: 1, workers: 2 }), /at most 3: .* 13 for the role/)
  })
  await admin.query(`ALTER DATABASE ${new URL(database.url).pathname.slice(1)} CONNECTION LIMIT 8`)
  try {
    await asRole(-1, 3, async (pool) => {
      assert.equal((await checkPoolBudget(pool, { replicas: 1, workers: 1 })).available, 8)
      await assert.rejects(
        checkPoolBudget(pool, { replicas: 1, workers: 1, share: 0.3 }),
        /smaller, and no size fits: .* gives 2 .*8 for the database, share 0\.3.*pooler/
      )
    })
  } finally {
    await admin.query(`ALTER DATABASE ${new URL(database.url).pathname.slice(1)} CONNECTION LIMIT -1`)
  }
})

test('limits of roles and databases are not for superusers', async () => {
  const check = async (pool: pg.Pool): Promise<void> => {
    assert.equal(
      (await checkPoolBudget(pool, { replicas: 1, workers: 2 })).roleLimit,
      Number.POSITIVE_INFINITY
    )
  }
  await asRole(2, 4, check, 'SUPERUSER')
})

test('behind a pooler, which does not tell its limits, nothing is refused, and the budget says so', async () => {
  const pool = new pg.Pool({ connectionString: database.url, max: 5_000 })
  pool.on('connect', (client) => {
    Object.assign(client, { processID: 123_456_789 })
  })
  try {
    assert.equal((await checkPoolBudget(pool, { replicas: 2, workers: 4 })).pooled, true)
  } finally {
    await pool.end()
  }
})
