import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { type Context, manualClock } from '../../kernel/index.ts'
import { testPool, workWith } from './pool.fixture.ts'
import type { StatementObserver, StatementOutcome } from './statement-observer.ts'

let database: TestDatabase

before(async () => {
  database = await testDatabase()
})
after(() => database.close())

interface Heard {
  readonly text: string
  readonly values: readonly unknown[] | undefined
  readonly context: Context | undefined
  readonly stack: string
  outcome?: StatementOutcome
}

/** Keeps what it hears; `ended` twice for one statement is an error. */
function listener (): { readonly observer: StatementObserver; readonly heard: Heard[] } {
  const heard: Heard[] = []
  return {
    heard,
    observer: {
      sent (text, values, context) {
        return heard.push({ text, values, context, stack: new Error().stack ?? '' }) - 1
      },
      ended (token, outcome) {
        const statement = heard[token as number]
        assert.ok(statement !== undefined && statement.outcome === undefined)
        statement.outcome = outcome
      },
    },
  }
}

test('an observer hears of a statement in the stack of its caller, and how it ended', async () => {
  const { observer, heard } = listener()
  await using t = testPool({ connectionString: database.url, max: 1 }, { observers: [observer] })
  const work = workWith()
  await work.run(async function asker () {
    await t.pool.query('SELECT generate_series(1, $1::int)', [3])
    const client = await t.pool.connect()
    await client.query({ text: 'CREATE TEMP TABLE seen (id int)' })
    await client.query('INSERT INTO seen VALUES (1); INSERT INTO seen VALUES (2), (3)')
    client.release()
  })
  assert.deepEqual(heard.map(({ text, values }) => [text, values]), [
    ['SELECT generate_series(1, $1::int)', [3]],
    ['CREATE TEMP TABLE seen (id int)', undefined],
    ['INSERT INTO seen VALUES (1); INSERT INTO seen VALUES (2), (3)', undefined],
  ])
  assert.deepEqual(heard.map(({ outcome }) => [outcome?.command, outcome?.rowCount, outcome?.error]), [
    ['SELECT', 3, undefined],
    ['CREATE', 0, undefined],
    ['INSERT', 2, undefined],
  ])
  for (const { context, stack, outcome } of heard) {
    assert.equal(context, work.context)
    assert.match(stack, /asker/)
    assert.ok(outcome!.seconds > 0 && outcome!.seconds < 5)
  }
})

test('a statement that fails, is given up, or never gets a connection ends once, with its error', async () => {
  const { observer, heard } = listener()
  const clock = manualClock()
  await using t = testPool(
    { connectionString: database.url, max: 1 },
    { observers: [observer], waitMs: 100, clock, statementTimeouts: 'off' }
  )
  await using other = testPool({ connectionString: database.url, max: 1 })
  const running = `SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND state = 'active' AND query = 'SELECT pg_sleep(3600)'`
  await assert.rejects(t.pool.query('SELECT 1 / 0'))
  const client = await t.pool.connect()
  const never = t.pool.query('SELECT 1')
  clock.advance(100)
  await assert.rejects(never)
  const work = workWith()
  const left = work.run(() => client.query('SELECT pg_sleep(3600)'))
  // A cancel request that overtakes its statement is made again after a time, which does not pass here.
  await waitUntil('it runs', async () => (await other.pool.query(running)).rows.length === 1)
  work.leave()
  await assert.rejects(left)
  client.release()
  await work.run(() => assert.rejects(t.pool.query('SELECT 2')))
  const codes = heard.map(({ outcome }) => (outcome?.error as { code?: string } | undefined)?.code)
  assert.deepEqual(codes, ['22012', 'DATABASE_BUSY', 'CALLER_GONE', 'CALLER_GONE'])
  assert.equal(heard[1]?.outcome?.seconds, 0.1)
})

test('each of several observers gets its own token back, and none when it gave none', async () => {
  const first = listener()
  const second = listener()
  const deaf: StatementObserver = { sent: () => undefined, ended: () => assert.fail('it hears no more') }
  const observers = [first.observer, deaf, second.observer]
  await using t = testPool({ connectionString: database.url, max: 1 }, { observers })
  second.heard.push({ text: 'so that tokens differ', values: undefined, context: undefined, stack: '' })
  await t.pool.query('SELECT 1')
  assert.equal(first.heard[0]?.outcome?.command, 'SELECT')
  assert.equal(second.heard[1]?.outcome?.command, 'SELECT')
})
