import { drizzle } from 'drizzle-orm/node-postgres'
import { integer, pgTable, text } from 'drizzle-orm/pg-core'
import { Kysely, PostgresDialect } from 'kysely'
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import Cursor from 'pg-cursor'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { transaction } from '../transaction/index.ts'
import { WriteOnReadsError } from './errors.ts'
import { testWorker } from './reads.fixture.ts'
import { type Replication, replication, runOn, type Standby } from './replication.fixture.ts'

let servers: Replication
let standby: Standby

before(async () => {
  servers = await replication()
  standby = await servers.standby()
  await runOn(servers.primary.url, 'CREATE TABLE note (id int PRIMARY KEY, text text NOT NULL)')
  await standby.caughtUp()
})
after(() => servers?.[Symbol.asyncDispose]())

const one = (): readonly [
  { readonly name: string; readonly url: string },
] => [{ name: 'one', url: standby.url }]
const texts = 'SELECT text FROM note WHERE id = $1'

test('a unit that wrote nothing reads from the replica; one that wrote reads its write, from wherever it is', async () => {
  await using worker = await testWorker(servers.primary.url, one())
  const { data, reads } = worker
  await worker.unit(async () => {
    await reads.query(texts, [1])
    assert.equal(reads.consistencyToken(), undefined)
  })
  assert.deepEqual(worker.routed(), { one: 1 })
  await standby.pause()
  await worker.unit(async () => {
    await data.query('INSERT INTO note VALUES (1, $1)', ['first'])
    assert.deepEqual((await reads.query(texts, [1])).rows, [{ text: 'first' }])
  })
  assert.deepEqual(worker.routed(), { one: 1, own_write: 1 })
  await worker.unit(async () => assert.deepEqual((await reads.query(texts, [1])).rows, []))
  assert.deepEqual(worker.routed(), { one: 2, own_write: 1 })
  await standby.resume()
  await standby.caughtUp()
  // One that waits as long as a busy machine takes to ask the replica where it stands.
  await using patient = await testWorker(servers.primary.url, one(), { wait: '10s' })
  await patient.unit(async () => {
    await patient.data.query('UPDATE note SET text = $1', ['second'])
    await standby.caughtUp()
    assert.deepEqual((await patient.reads.query(texts, [1])).rows, [{ text: 'second' }])
  })
  assert.deepEqual(patient.routed(), { one: 1 })
})

test('a transaction counts when it commits', async () => {
  await using worker = await testWorker(servers.primary.url, one())
  await standby.pause()
  await worker.unit(async () => {
    await transaction(worker.data, async (tx) => {
      await tx.query('INSERT INTO note VALUES (2, $1)', ['two'])
      assert.deepEqual((await worker.reads.query(texts, [2])).rows, [])
    })
    assert.deepEqual((await worker.reads.query(texts, [2])).rows, [{ text: 'two' }])
  })
  await standby.resume()
})

test('a client reads on any machine what it wrote on another, by its token; another client does not wait for it', async () => {
  await standby.caughtUp()
  await using here = await testWorker(servers.primary.url, one())
  await using there = await testWorker(servers.primary.url, one())
  await standby.pause()
  const token = await here.unit(async () => {
    await here.data.query('INSERT INTO note VALUES (3, $1)', ['three'])
    return here.reads.consistencyToken()
  })
  assert.match(String(token), /^[\w-]{34}$/)
  const read = async (): Promise<unknown> => (await there.reads.query(texts, [3])).rows
  assert.deepEqual(await there.unit(read, token), [{ text: 'three' }])
  assert.deepEqual(await there.unit(read), [])
  assert.deepEqual(there.routed(), { own_write: 1, one: 1 })
  await standby.resume()
  await standby.caughtUp()
  // As soon as the worker has heard how far the replica is; until then the primary answers.
  await waitUntil('the replica serves the client that wrote', async () => {
    await there.unit(async () => assert.deepEqual(await read(), [{ text: 'three' }]), token)
    return there.routed()['one'] === 2
  })
})

test('a unit that writes more gets a later token; one that only has a token gives none', async () => {
  await using worker = await testWorker(servers.primary.url, one())
  const { data, reads } = worker
  const first = await worker.unit(async () => {
    await data.query('UPDATE note SET text = text')
    return reads.consistencyToken()
  })
  await worker.unit(async () => {
    await reads.query(texts, [1])
    assert.equal(reads.consistencyToken(), undefined)
    await data.query('UPDATE note SET text = text')
    const second = await reads.consistencyToken()
    assert.notEqual(second, first)
    assert.equal(reads.consistencyToken(), second)
    reads.wrote()
    assert.ok(reads.consistencyToken() instanceof Promise)
  }, first)
})

test('a read waits a moment for a replica that is about to show what its unit wrote', async () => {
  await standby.caughtUp()
  await using worker = await testWorker(servers.primary.url, one(), { wait: '5s' })
  await worker.unit(async () => {
    await worker.data.query('UPDATE note SET text = $1 WHERE id = 1', ['awaited'])
    assert.deepEqual((await worker.reads.query(texts, [1])).rows, [{ text: 'awaited' }])
  })
  assert.deepEqual(worker.routed(), { one: 1 })
})

test('a standby that has replayed all serves, too, where the log of an idle primary ends with a page', async () => {
  await using worker = await testWorker(servers.primary.url, one(), { wait: 0 })
  await worker.unit(async () => {
    // The next record will stand behind the header of a new segment.
    await worker.data.query('SELECT pg_switch_wal()')
    await waitUntil('the replica serves the unit', async () => {
      await worker.reads.query(texts, [1])
      return worker.routed()['one'] === 1
    }, 5_000)
  })
})

test('tokens that nobody gave send their reads to the primary, so many a second, and break nothing', async () => {
  await using worker = await testWorker(servers.primary.url, one(), { doubtsPerSecond: 2 })
  for (const token of ['', 'x'.repeat(34), 'A'.repeat(1_000_000), '\u0000']) {
    await worker.unit(() => worker.reads.query(texts, [1]), token)
  }
  assert.deepEqual(worker.routed(), { token: 2, one: 2 })
})

test('workers believe tokens of those who share a secret with them, and no others', async () => {
  const [ours, older, theirs] = ['a secret of this fleet', 'its secret before that', 'a secret of another']
  const workerWith = (...secrets: string[]): ReturnType<typeof testWorker> =>
    testWorker(servers.primary.url, one(), { secrets, wait: '5s' })
  await using before = await workerWith(older!)
  await using now = await workerWith(ours!, older!)
  await using stranger = await workerWith(theirs!)
  const token = await before.unit(async () => {
    before.reads.wrote()
    return before.reads.consistencyToken()
  })
  await standby.caughtUp()
  for (const worker of [now, stranger]) await worker.unit(() => worker.reads.query(texts, [1]), token)
  assert.deepEqual(now.routed(), { one: 1 })
  assert.deepEqual(stranger.routed(), { token: 1 })
})

test('writes are refused with a word on where they belong, by replica and primary alike', async () => {
  await using there = await testWorker(servers.primary.url, one())
  await using here = await testWorker(servers.primary.url, [])
  await there.data.query(`
    CREATE OR REPLACE FUNCTION add_note() RETURNS int LANGUAGE sql AS 'INSERT INTO note VALUES (99, $$$$) RETURNING id'`)
  await standby.caughtUp()
  const writes = [
    'INSERT INTO note VALUES (98, $1)',
    'SELECT add_note(), $1',
    'SELECT text, $1 FROM note FOR UPDATE',
    'WITH gone AS (DELETE FROM note RETURNING id) SELECT id, $1 FROM gone',
  ]
  for (const worker of [there, here]) {
    const { reads } = worker
    await worker.unit(async () => {
      for (const write of writes) {
        await assert.rejects(reads.query(write, ['']), { code: 'WRITE_ON_READS' }, write)
        const client = await reads.connect()
        try {
          await assert.rejects(client.query(write, ['']), WriteOnReadsError)
          await client.query('BEGIN')
          await assert.rejects(client.query(write, ['']), {
            message: /send what writes or locks rows to app.data/,
          })
          await client.query('ROLLBACK')
          const begun = client.query('begin isolation level repeatable read')
          const refused = client.query(write, [''])
          const ended = client.query('commit')
          await Promise.all([begun, assert.rejects(refused, { code: 'WRITE_ON_READS' }), ended])
          await assert.rejects(client.query(write, ['']), { code: 'WRITE_ON_READS' })
          assert.equal((await client.query('SELECT 1 AS one')).rows.length, 1)
        } finally {
          client.release()
        }
      }
      assert.equal(reads.consistencyToken(), undefined)
    })
    // The connections went back as they were.
    await worker.data.query('UPDATE note SET text = text')
  }
  assert.deepEqual(here.routed(), { none: 2 * writes.length })
  assert.equal((await here.data.query('SELECT id FROM note WHERE id > 90')).rows.length, 0)
})

test('Kysely, Drizzle, callbacks and cursors read through it as through any pool', async () => {
  await standby.caughtUp()
  await using worker = await testWorker(servers.primary.url, one())
  const { reads } = worker
  for (const expected of ['one', 'own_write']) {
    await worker.unit(async () => {
      if (expected === 'own_write') {
        await standby.pause()
        await worker.data.query('UPDATE note SET text = text')
      }
      const kysely = new Kysely<{ note: { id: number; text: string } }>({
        dialect: new PostgresDialect({ pool: reads }),
      })
      assert.equal((await kysely.selectFrom('note').select('text').where('id', '=', 1).execute()).length, 1)
      await kysely.transaction().setIsolationLevel('repeatable read').execute(async (tx) => {
        assert.equal((await tx.selectFrom('note').selectAll().where('id', '=', 1).execute()).length, 1)
      })
      const note = pgTable('note', { id: integer(), text: text() })
      assert.equal((await drizzle({ client: reads }).select().from(note)).length, 3)
      await drizzle({ client: reads }).transaction(async (tx) => {
        assert.equal((await tx.select().from(note)).length, 3)
        await assert.rejects(tx.insert(note).values({ id: 97, text: '' }))
      }).catch(() => {})
      const rows = await new Promise((resolve, reject) => {
        reads.query(texts, [1], (error, result) => error === undefined ? resolve(result.rows) : reject(error))
      })
      assert.equal((rows as unknown[]).length, 1)
      await new Promise<void>((resolve, reject) => {
        reads.connect((error, client, done) => {
          if (error !== undefined) return reject(error)
          client!.query(texts, [1], (error) => {
            done()
            if (error === null) resolve()
            else reject(error)
          })
        })
      })
      const client = await reads.connect()
      const cursor = client.query(new Cursor<unknown>('SELECT id FROM note'))
      assert.equal((await cursor.read(2)).length, 2)
      await cursor.close()
      client.release()
    })
  }
  await standby.resume()
  const { one: replica = 0, own_write: primary = 0, ...rest } = worker.routed()
  assert.deepEqual(rest, {})
  assert.equal(replica, primary)
  assert.deepEqual(reads.replicas.map(({ inFlight }) => inFlight), [0])
  assert.throws(() => reads.query(new Cursor('SELECT 1')), /connect\(\)/)
})

test('work outside of any context counts as one unit', async () => {
  await using worker = await testWorker(servers.primary.url, one())
  await standby.pause()
  await worker.data.query('INSERT INTO note VALUES (5, $1)', ['five'])
  assert.deepEqual((await worker.reads.query(texts, [5])).rows, [{ text: 'five' }])
  await standby.resume()
})

test('replicas too far behind get no reads', async () => {
  await standby.caughtUp()
  await using worker = await testWorker(servers.primary.url, one(), { maxLag: '50ms' })
  await standby.pause()
  await waitUntil('the replica is known to be behind', async () => {
    await runOn(servers.primary.url, 'UPDATE note SET text = text')
    await worker.unit(() => worker.reads.query(texts, [1]))
    return worker.routed()['lag'] === 1
  })
  const [{ state, lagSeconds = 0, lagBytes = 0 }] = worker.reads.replicas as [typeof worker.reads.replicas[0]]
  assert.equal(state, 'ready')
  assert.ok(lagSeconds > 0.05 && lagBytes > 0)
  await standby.resume()
  await waitUntil('it is used again', async () => {
    const { one = 0 } = worker.routed()
    await worker.unit(() => worker.reads.query(texts, [1]))
    return worker.routed()['one'] === one + 1
  })
})

test('pools of replicas have the schema and the observers that they are given', async () => {
  const heard: string[] = []
  const schema = 'an "odd" schema'
  const observer = { sent: (text: string) => void heard.push(text), ended: () => {} }
  await runOn(servers.primary.url, 'CREATE SCHEMA "an ""odd"" schema" CREATE TABLE odd (id int)')
  await standby.caughtUp()
  const options = { schema, poolOptions: { observers: [observer] } }
  await using worker = await testWorker(servers.primary.url, one(), options)
  await worker.unit(() => worker.reads.query('SELECT * FROM odd'))
  assert.deepEqual(worker.routed(), { one: 1 })
  assert.equal(heard.at(-1), 'SELECT * FROM odd')
})

test('closing leaves no connection to a replica behind', async () => {
  const url = new URL(standby.url)
  url.searchParams.set('application_name', 'closing')
  const connections = async (): Promise<unknown> =>
    (await runOn(
      standby.url,
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'closing'`
    ))[0]
  {
    await using worker = await testWorker(servers.primary.url, [{ name: 'one', url: url.href }])
    await worker.unit(() => worker.reads.query(texts, [1]))
    assert.deepEqual(await connections(), { n: 2 })
  }
  const gone = async (): Promise<boolean> => (await connections() as { readonly n: number }).n === 0
  await waitUntil('they are gone', gone)
})

test('a wrong setting stops the boot', async () => {
  const replicas = one()
  const broken: readonly [Parameters<typeof testWorker>[1], Parameters<typeof testWorker>[2], string][] = [
    [[...replicas, ...replicas], {}, 'database.replicas[1].name'],
    [[{ ...replicas[0], name: 'primary' }], {}, 'database.replicas[0].name'],
    [replicas, { secrets: ['short'] }, 'secrets'],
    [replicas, { maxLag: '11m' }, 'maxLag'],
    [replicas, { poll: 0 }, 'poll'],
    [replicas, { patience: 0 }, 'patience'],
    [replicas, { doubtsPerSecond: 0 }, 'doubtsPerSecond'],
  ]
  for (const [targets, options, setting] of broken) {
    await assert.rejects(testWorker(servers.primary.url, targets, options), {
      code: 'SETTING_INVALID',
      setting,
    })
  }
  await assert.rejects(testWorker(standby.url, replicas), { code: '55000' })
})
