import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type pg from 'pg'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { Deadline, finishing, manualClock } from '../../kernel/index.ts'
import { countingProxy } from './counting-proxy.fixture.ts'
import { testPool, type Work, workWith } from './pool.fixture.ts'

let database: TestDatabase

before(async () => {
  database = await testDatabase()
})
after(() => database.close())

async function timeoutSeen (query: pg.Pool['query']): Promise<string> {
  const { rows } = await query<{ ms: string }>("SELECT current_setting('statement_timeout') AS ms")
  return rows[0]!.ms
}

function changes (texts: readonly string[]): string[] {
  return texts.filter((text) => text.includes('statement_timeout TO'))
}

/** So much is left however long the machine takes. */
function withLeft (ms: number): Work {
  return workWith(Deadline.in(ms, manualClock()))
}

test('a deadline becomes a timeout of the session, which is sent only when it changes', async () => {
  await using proxy = await countingProxy(database.url)
  await using t = testPool({ connectionString: proxy.url, max: 1 }, { preparedStatements: 'off' })
  const seen = (): Promise<string> => timeoutSeen(t.pool.query)
  assert.equal(await seen(), '0')
  assert.equal(await withLeft(450).run(seen), '500ms')
  for (let count = 0; count < 20; count++) assert.equal(await withLeft(490 - 10 * count).run(seen), '500ms')
  assert.deepEqual(changes(proxy.texts), ['SET statement_timeout TO 500'])
  assert.equal(await withLeft(4_000).run(seen), '5s')
  assert.equal(await seen(), '0')
  assert.deepEqual(changes(proxy.texts).slice(1), [
    'SET statement_timeout TO 5000',
    'SET statement_timeout TO DEFAULT',
  ])
  assert.equal(t.metric('db_client_statement_timeout_changes_total'), 3)
  assert.equal(proxy.texts.length, 3 + 1 + 24, 'nothing else is sent, but one question for each connection')
})

test('a session that serves short and long deadlines keeps the longer timeout, until only short ones come', async () => {
  await using proxy = await countingProxy(database.url)
  await using t = testPool({ connectionString: proxy.url, max: 1 })
  const seen = (): Promise<string> => timeoutSeen(t.pool.query)
  await seen()
  for (let count = 0; count < 10; count++) {
    await withLeft(400).run(seen)
    await withLeft(9_000).run(seen)
  }
  assert.deepEqual(changes(proxy.texts), ['SET statement_timeout TO 500', 'SET statement_timeout TO 10000'])
  for (let count = 0; count < 16; count++) assert.equal(await withLeft(400).run(seen), '10s')
  assert.equal(await withLeft(400).run(seen), '500ms')
})

test('the timeout of the server ends what no cancel request could', async () => {
  await using t = testPool({ connectionString: database.url, max: 1 })
  await t.pool.query('SELECT 1')
  const client = await t.pool.connect()
  // As when the machine of the service is lost: nobody is left to send a request.
  await withLeft(240).run(() => client.query('SELECT 1'))
  const { promise, resolve } = Promise.withResolvers<unknown>()
  const plain = Object.getPrototypeOf(client) as {
    query(text: string, callback: (error: unknown) => void): void
  }
  plain.query.call(client, 'SELECT pg_sleep(3600)', resolve)
  assert.equal((await promise as { code: string }).code, '57014')
  client.release()
})

test('no timeout is set, and nothing is asked, where sessions are shared with others', async () => {
  await using proxy = await countingProxy(database.url)
  const off = { statementTimeouts: 'off', preparedStatements: 'off' } as const
  await using t = testPool({ connectionString: proxy.url, max: 1 }, off)
  await t.pool.query('SELECT 1')
  await withLeft(400).run(() => t.pool.query('SELECT 2'))
  assert.deepEqual(proxy.texts, ['SELECT 1', 'SELECT 2'])
})

test('a pooler, which hides the process of the server, is noticed, and no timeout is set', async () => {
  await using proxy = await countingProxy(database.url)
  await using t = testPool({ connectionString: proxy.url, max: 1 })
  t.pool.on('connect', (client) => {
    Object.assign(client, { processID: 123_456_789 })
  })
  await t.pool.query('SELECT 1')
  await withLeft(400).run(() => t.pool.query('SELECT 2'))
  assert.deepEqual(changes(proxy.texts), [])
})

test('the session keeps a timeout of its own that is tighter, and gets it back', async () => {
  const url = new URL(database.url)
  url.searchParams.set('options', '-c statement_timeout=1s')
  await using t = testPool({ connectionString: url.href, max: 1 })
  const seen = (): Promise<string> => timeoutSeen(t.pool.query)
  await seen()
  assert.equal(await withLeft(5_000).run(seen), '1s')
  assert.equal(await withLeft(200).run(seen), '250ms')
  assert.equal(await seen(), '1s')
})

test('a session that is reset gets its timeout anew', async () => {
  await using t = testPool({ connectionString: database.url, max: 1 })
  const seen = (): Promise<string> => timeoutSeen(t.pool.query)
  await seen()
  for (const reset of ['RESET ALL', 'DISCARD ALL']) {
    assert.equal(await withLeft(400).run(seen), '500ms')
    await withLeft(400).run(() => t.pool.query(reset))
    assert.equal(await withLeft(400).run(seen), '500ms')
  }
})

test('a rollback leaves no doubt about the timeout of the session', async () => {
  await using t = testPool({ connectionString: database.url, max: 1 })
  const seen = (): Promise<string> => timeoutSeen(t.pool.query)
  await seen()
  const client = await t.pool.connect()
  await client.query('BEGIN')
  await withLeft(400).run(() => client.query('SELECT 1'))
  await client.query('ROLLBACK')
  client.release()
  assert.equal(await withLeft(400).run(seen), '500ms')
})

test('work that must finish is not held to the timeout of the session, in a transaction either', async () => {
  await using t = testPool({ connectionString: database.url, max: 1 })
  await t.pool.query('SELECT 1')
  await withLeft(400).run(async () => {
    const client = await t.pool.connect()
    const seen = (): Promise<string> => timeoutSeen(client.query as pg.Pool['query'])
    await client.query('BEGIN')
    assert.equal(await seen(), '500ms')
    assert.equal(await finishing(seen), '0')
    const committed = await client.query('COMMIT')
    assert.equal(committed.command, 'COMMIT')
    assert.equal(await seen(), '500ms')
    client.release()
  })
})

test('a commit of a transaction that has failed still ends it, as in pg', async () => {
  await using t = testPool({ connectionString: database.url, max: 1 })
  await t.pool.query('SELECT 1')
  await withLeft(400).run(async () => {
    const client = await t.pool.connect()
    await client.query('BEGIN')
    await assert.rejects(client.query('SELECT 1 / 0'), { code: '22012' })
    assert.equal((await client.query('COMMIT')).command, 'ROLLBACK')
    client.release()
  })
})
