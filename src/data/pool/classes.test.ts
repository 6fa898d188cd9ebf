import fc from 'fast-check'
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { type Context, runWithContext } from '../../kernel/index.ts'
import { transaction } from '../transaction/index.ts'
import { poolClasses, PoolShares } from './pool-class.ts'
import { testPool, workWith } from './pool.fixture.ts'

let database: TestDatabase

before(async () => {
  database = await testDatabase()
})
after(() => database.close())

test('no class takes what another has reserved, and together they can take all', () => {
  const reserve = fc.integer({ min: 0, max: 4 })
  const step = fc.record({ poolClass: fc.constantFrom(...poolClasses), take: fc.boolean() })
  fc.assert(
    fc.property(
      fc.record({ interactive: reserve, worker: reserve, relay: reserve }),
      fc.array(step, { maxLength: 60 }),
      (reserves, steps) => {
        const max = reserves.interactive + reserves.worker + reserves.relay + 1
        const shares = new PoolShares(() => max, reserves)
        for (const { poolClass, take } of steps) {
          if (take && shares.mayTake(poolClass)) shares.take(poolClass)
          else if (!take && shares.usedBy(poolClass) > 0) shares.giveBack(poolClass)
          assert.ok(shares.lent <= max)
          for (const each of poolClasses) {
            assert.ok(shares.usedBy(each) >= reserves[each] || shares.mayTake(each), `${each} is starved`)
          }
        }
        for (const each of poolClasses) while (shares.mayTake(each)) shares.take(each)
        assert.equal(shares.lent, max)
      }
    ),
    { numRuns: 200 }
  )
})

test('workers that hold all they may leave room for a request, and go on when one gives back', async () => {
  await using t = testPool({ connectionString: database.url, max: 3 }, { reserves: { interactive: 1 } })
  const workers = t.pool.reserve('worker')
  const held = [await workers.connect(), await workers.connect()]
  const third = workers.query('SELECT 3 AS three')
  assert.equal(t.pool.waitingCount, 1)
  assert.equal(t.metric('db_client_class_connections', { class: 'worker' }), 2)
  assert.equal(t.metric('db_client_class_waiting', { class: 'worker' }), 1)
  assert.deepEqual((await t.pool.query('SELECT 1 AS one')).rows, [{ one: 1 }])
  assert.equal(t.pool.waitingCount, 1)
  held[0]!.release()
  assert.deepEqual((await third).rows, [{ three: 3 }])
  held[1]!.release()
})

test('work in the background is the worker class by itself; what is in no context is interactive', async () => {
  await using t = testPool({ connectionString: database.url, max: 2 }, { reserves: { interactive: 1 } })
  const { context } = workWith()
  const background = { ...context, signal: context.signal, criticality: 'background' } satisfies Context
  const held = await runWithContext(background, () => t.pool.connect())
  const waiting = runWithContext(background, () => t.pool.query('SELECT 1 AS one'))
  assert.equal(t.metric('db_client_class_waiting', { class: 'worker' }), 1)
  const other = await t.pool.connect()
  assert.equal(t.metric('db_client_class_connections', { class: 'interactive' }), 1)
  other.release()
  held.release()
  assert.deepEqual((await waiting).rows, [{ one: 1 }])
})

test('of those that wait, whoever came first goes first, whatever its class', async () => {
  await using t = testPool({ connectionString: database.url, max: 1 })
  const busy = await t.pool.connect()
  const order: string[] = []
  const results = (['relay', 'interactive', 'worker', 'relay'] as const).map((poolClass, at) =>
    t.pool.reserve(poolClass).query('SELECT 1').then(() => order.push(`${poolClass} ${at}`))
  )
  busy.release()
  await Promise.all(results)
  assert.deepEqual(order, ['relay 0', 'interactive 1', 'worker 2', 'relay 3'])
})

test('the view of a class is a Pool: transactions run on it, and its end leaves the pool alone', async () => {
  await using t = testPool({ connectionString: database.url, max: 1 })
  const relay = t.pool.reserve('relay')
  assert.ok(relay instanceof pg.Pool)
  const result = await transaction(relay, (tx) => tx.query('SELECT 1 AS one'))
  assert.deepEqual(result.rows, [{ one: 1 }])
  assert.equal(relay.totalCount, 1)
  await relay.end()
  assert.equal(t.pool.ended, false)
  assert.deepEqual((await relay.query('SELECT 2 AS two')).rows, [{ two: 2 }])
})

test('reserves that leave a class without a connection are refused', () => {
  const config = { connectionString: database.url, max: 3 }
  assert.throws(() => testPool(config, { reserves: { worker: 3 } }), { setting: 'reserves', value: 3 })
  assert.throws(() => testPool(config, { reserves: { worker: 2, relay: 2 } }), { setting: 'reserves' })
  assert.throws(() => testPool(config, { reserves: { relay: -1 } }), { setting: 'reserves.relay' })
  assert.throws(() => testPool(config, { reserves: { relay: 0.5 } }), { setting: 'reserves.relay' })
})
