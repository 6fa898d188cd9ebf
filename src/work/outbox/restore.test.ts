import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { prepareTables } from '../../data/index.ts'
import { embeddedPostgres, type EmbeddedServer } from '../../engines/embedded/index.ts'
import type { Engine } from '../../engines/index.ts'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { openLeases } from '../lease/index.ts'
import { openOutbox } from './open-outbox.ts'
import { outboxTables } from './outbox-tables.ts'
import { counted, numbersOf, type TestOutbox, testOutbox } from './outbox.fixture.ts'
import { recordingPublisher } from './recording-publisher.fixture.ts'
import { openRelay } from './relay.ts'

/** A server of its own, whose transaction ids begin anew. */
let server: Engine<EmbeddedServer>
let directory: string

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'plimsoll-restore-'))
  server = embeddedPostgres({ directory, settings: { fsync: 'off' } })
})

after(async () => {
  await server.close()
  await rm(directory, { recursive: true, force: true })
})

let copies = 0

/** The tables and rows of the outbox in a database on the other server, as a dump would bring them there. */
async function restored ({ pool }: TestOutbox): Promise<pg.Pool> {
  const { url } = await server.connect()
  const own = new URL(url)
  own.pathname = `/copy_${++copies}`
  const main = new pg.Client({ connectionString: url })
  await main.connect()
  await main.query(`create database copy_${copies}`)
  await main.end()
  const copy = new pg.Pool({ connectionString: own.href, max: 10 })
  await prepareTables(copy, { part: 'outbox', versions: outboxTables })
  for (
    const table of ['state', 'segment', 'reader', 'parked', 'relay', ''].map((part) =>
      `plimsoll_outbox${part && '_'}${part}`
    )
  ) {
    await copy.query(`truncate ${table}`)
    const { rows } = await pool.query<{ line: string }>(`select ${table}::text as line from ${table}`)
    await copy.query(`insert into ${table} select (line::${table}).* from unnest($1::text[]) as line`, [
      rows.map(({ line }) => line),
    ])
  }
  const { rows: [last] } = await pool.query('select last_value from plimsoll_outbox_position')
  await copy.query(`select setval('plimsoll_outbox_position', $1)`, [last.last_value])
  return copy
}

/** Uses up transaction ids, so that those of the copy are lower. */
async function burn ({ pool }: TestOutbox): Promise<void> {
  await pool.query('do $$ begin for i in 1..3000 loop perform pg_current_xact_id(); commit; end loop; end $$')
}

test('on a new server, whose transaction ids are lower, a relay goes on where it was: nothing is left out, nothing comes twice', async () => {
  await using source = await testOutbox()
  await burn(source)
  await source.emit('a', 1, 2)
  const first = recordingPublisher()
  {
    await using leases = await openLeases({ pool: source.pool })
    await using relay = openRelay({ outbox: source.outbox, publisher: first, leases })
    await relay.start()
    await waitUntil('the first are published', () => first.taken.length === 2)
    await relay.drain(5_000)
  }
  await source.emit('a', 3, 4)
  const [, , , last] = await source.all()

  const pool = await restored(source)
  const { rows: [{ next }] } = await pool.query(
    'select pg_snapshot_xmax(pg_current_snapshot())::text as next'
  )
  assert.ok(BigInt(next) < last!.position.xid, 'the ids of the copy are not lower')
  const outbox = await openOutbox({ pool })
  await counted.emitMany(pool, [{ key: 'a', n: 5 }, { key: 'a', n: 6 }])
  const publisher = recordingPublisher()
  {
    await using leases = await openLeases({ pool })
    await using relay = openRelay({ outbox, publisher, leases })
    await relay.start()
    await waitUntil('the others are published', () => publisher.taken.length >= 4)
    await counted.emit(pool, { key: 'a', n: 7 })
    await waitUntil('what is written from then on is published', () => publisher.taken.length >= 5)
    await relay.drain(5_000)
  }
  assert.deepEqual(numbersOf(first.taken), [1, 2])
  assert.deepEqual(numbersOf(publisher.taken), [3, 4, 5, 6, 7])
  assert.deepEqual(publisher.taken.map(({ position }) => position!.epoch), [1, 1, 2, 2, 2])
  await outbox.close()
  await pool.end()
})

test('a program that knows nothing of epochs cannot write into the old one; the first that does begins the new one', async () => {
  await using source = await testOutbox()
  await burn(source)
  await source.emit('a', 1)
  const pool = await restored(source)
  const byHand = `insert into plimsoll_outbox (id, aggregatetype, aggregateid, type, payload)
    values (gen_random_uuid(), 'thing', 'a', 'thing.counted', '{"key": "a", "n": 2}')`
  await assert.rejects(pool.query(byHand), { code: '23502', column: 'epoch' })

  const outbox = await openOutbox({ pool })
  await pool.query(byHand)
  await counted.emit(pool, { key: 'a', n: 3 })
  const { messages } = await outbox.read({ after: undefined, limit: 10 })
  assert.deepEqual(numbersOf(messages), [1, 2, 3])
  await outbox.close()
  await pool.end()
})

test('a server that is replaced under a running process is noticed by what it writes and by what it reads', async () => {
  await using under = await testOutbox()
  const { outbox, pool } = under
  const { position } = await counted.emit(pool, { key: 'a', n: 0 })
  for (const [at, first] of (['write', 'read', 'head', 'wait'] as const).entries()) {
    const epoch = at + 2
    await pool.query('update plimsoll_outbox_state set cluster = 1')
    if (first === 'write') await counted.emit(pool, { key: 'a', n: 1 })
    if (first === 'read') await outbox.read({ after: undefined, limit: 1 })
    if (first === 'head') assert.equal((await outbox.head()).epoch, epoch)
    if (first === 'wait') {
      assert.equal(await outbox.wait(position, 5_000, new AbortController().signal), true)
      await outbox.read({ after: position, limit: 1 })
    }
    await under.quiet()
    const { messages } = await outbox.read({ after: undefined, limit: 10 })
    assert.deepEqual(numbersOf(messages), [0, 1])
    assert.equal((await outbox.head()).epoch, epoch)
  }
})
