import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, test } from 'node:test'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import pg from 'pg'
import { Type } from 'typebox'
import { exportRows, governPool } from '../../data/index.ts'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { seededRandom } from '../../kernel/index.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import { defineExport } from './define-export.ts'
import {
  entriesExport,
  makeEntries,
  openTestExports,
  readAll,
  type TestExports,
  testStore,
  watchedStore,
} from './exports.fixture.ts'
import type { ExportFormat } from './parts/index.ts'
import type { FileStore } from './store/index.ts'

let database: TestDatabase
let pool: pg.Pool

before(async () => {
  database = await testDatabase()
  const plain = new pg.Pool({ connectionString: database.url, max: 4 })
  plain.on('error', () => {})
  pool = governPool(plain, { registry: new MetricsRegistry() })
  await pool.query(makeEntries)
})

after(async () => {
  await pool.end()
  await database.close()
})

const anna = { tenant: 'acme', user: 'anna' }

async function directly (format: ExportFormat): Promise<Buffer> {
  return readAll(await exportRows(pool, { text: 'select id, note from entry order by id' }, { format }))
}

async function made (
  { exports, queue }: TestExports,
  name: string,
  format: ExportFormat = 'ndjson'
): Promise<string> {
  const definition = exports.definitions.find((one) => one.name === name)!
  const { status } = await exports.request(definition, {}, { ...anna, format })
  await queue.run()
  return status.id
}

async function bytesOf ({ exports }: TestExports, id: string): Promise<Buffer> {
  return readAll((await exports.file(id, anna)).read())
}

function digest (bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

const unpack = { gzip: gunzipSync, zstd: zstdDecompressSync, identity: (bytes: Buffer) => bytes } as const

for (const coding of ['gzip', 'zstd', 'identity'] as const) {
  test(`${coding}: an export in parts is the rows that one query gives, as lines of JSON and as CSV`, async (t) => {
    const opened = await openTestExports(t, pool, [entriesExport('entries', { coding })])
    for (const format of ['ndjson', 'csv'] as const) {
      const id = await made(opened, 'entries', format)
      const { status } = await opened.exports.status(id, anna)
      assert.equal(status.state, 'done')
      assert.equal(status.rows, 30_000)
      assert.ok(status.parts >= 4, `${status.parts} parts`)
      const bytes = await bytesOf(opened, id)
      assert.equal(bytes.length, status.bytes)
      assert.equal(digest(unpack[coding](bytes)), digest(await directly(format)))
      const file = await opened.exports.file(id, anna)
      assert.equal(digest(await readAll(file.readPlain())), digest(await directly(format)))
    }
  })
}

test('an export that broke off anywhere, and was resumed, has the same bytes', async (t) => {
  const whole = await openTestExports(t, pool, [entriesExport('entries')])
  const expected = digest(await bytesOf(whole, await made(whole, 'entries')))
  for (let seed = 1; seed <= 3; seed++) {
    const random = seededRandom(seed)
    let breaks = 0
    const store = watchedStore(await testStore(t), async function* (bytes) {
      const at = Math.floor(random() * 8)
      let pieces = 0
      for await (const piece of bytes) {
        if (pieces++ === at && breaks < 10) {
          breaks++
          throw new Error('the disk is full')
        }
        yield piece
      }
    })
    const broken = await openTestExports(t, pool, [entriesExport('entries')], { store })
    const { status } = await broken.exports.request(broken.exports.definitions[0]!, {}, anna)
    let parts = 0
    while (broken.queue.waiting > 0) {
      await broken.queue.runOnce()
      const now = (await broken.exports.status(status.id, anna)).status
      assert.ok(now.parts >= parts)
      parts = now.parts
    }
    assert.ok(breaks > 0)
    assert.equal(digest(await bytesOf(broken, status.id)), expected, `seed ${seed}`)
  }
})

test('rows are read once: a run that goes on does not read those of the parts before', async (t) => {
  const opened = await openTestExports(t, pool, [entriesExport('entries', { turn: 0 })])
  const { status } = await opened.exports.request(opened.exports.definitions[0]!, {}, anna)
  let turns = 0
  while (opened.queue.waiting > 0) {
    const error = await opened.queue.runOnce() as { code?: string } | undefined
    if (error !== undefined) assert.equal(error.code, 'JOB_SNOOZED')
    turns++
  }
  const now = (await opened.exports.status(status.id, anna)).status
  assert.equal(now.parts, turns) // a turn of no length ends after each part
  assert.equal(counted(opened, 'plimsoll_export_rows_total'), 30_000)
  assert.equal(counted(opened, 'plimsoll_export_resumed_total'), turns - 1)
})

test('of two runs at once the later one wins, and the earlier records nothing any more', async (t) => {
  const held = Promise.withResolvers<void>()
  const writing = Promise.withResolvers<void>()
  let isFirst = true
  const store = watchedStore(await testStore(t), async function* (bytes, name) {
    if (isFirst && name.endsWith('1-1')) {
      isFirst = false
      writing.resolve()
      await held.promise
    }
    yield* bytes
  })
  const opened = await openTestExports(t, pool, [entriesExport('entries')], { store })
  const { status } = await opened.exports.request(opened.exports.definitions[0]!, {}, anna)
  const paused = opened.queue.runOnce()
  await writing.promise
  await opened.queue.run()
  const done = (await opened.exports.status(status.id, anna)).status
  held.resolve()
  assert.equal(await paused, undefined)
  assert.deepEqual((await opened.exports.status(status.id, anna)).status, done)
  assert.equal(digest(unpack.gzip(await bytesOf(opened, status.id))), digest(await directly('ndjson')))
  for await (const { name } of opened.store.list('')) assert.match(name, /\/(?:1-[01]|2-\d)$/)
})

test('an export without a key is of one snapshot, which its status states', async (t) => {
  await pool.query('create table moving as select i as id from generate_series(1, 50000) i')
  const moving = defineExport('moving', {
    input: Type.Object({}),
    query: () => ({ text: 'select id from moving' }),
    coding: 'identity',
  })
  const store = watchedStore(await testStore(t), async function* (bytes) {
    let isFirst = true
    for await (const piece of bytes) {
      if (isFirst) await pool.query('delete from moving where id % 2 = 0')
      isFirst = false
      yield piece
    }
  })
  const opened = await openTestExports(t, pool, [moving], { store })
  const { status } = await opened.exports.request(moving, {}, anna)
  await opened.queue.run()
  const done = (await opened.exports.status(status.id, anna)).status
  assert.equal(done.rows, 50_000)
  assert.equal(done.parts, 1)
  assert.equal(done.snapshot?.kind, 'one')
  assert.match(JSON.stringify(done.snapshot), /"lsn":"[\dA-F]+\/[\dA-F]+"/)
  assert.equal((await bytesOf(opened, status.id)).toString().split('\n').length, 50_001)
})

test('an export of one snapshot that breaks off begins anew, with another one', async (t) => {
  let breaks = 1
  const store = watchedStore(await testStore(t), async function* (bytes) {
    for await (const piece of bytes) {
      yield piece
      if (breaks-- > 0) throw new Error('lost')
    }
  })
  const opened = await openTestExports(t, pool, [entriesExport('all', { key: undefined as never })], {
    store,
  })
  const { status } = await opened.exports.request(opened.exports.definitions[0]!, {}, anna)
  assert.match(String(await opened.queue.runOnce()), /lost/)
  // What it had noted of its progress counts for nothing.
  await pool.query('update plimsoll_export set rows = 7, raw_bytes = 700 where id = $1', [status.id])
  await opened.queue.run()
  assert.equal((await opened.exports.status(status.id, anna)).status.rows, 30_000)
  const lines = unpack.gzip(await bytesOf(opened, status.id)).toString().split('\n')
  assert.equal(lines.length, 30_001)
})

test('the status of an export in parts says when its rows were read, and how far it is', async (t) => {
  const opened = await openTestExports(t, pool, [entriesExport('entries', { turn: 0 })])
  await pool.query('analyze entry')
  const asked = await opened.exports.request(opened.exports.definitions[0]!, {}, anna)
  assert.equal(asked.status.state, 'queued')
  assert.equal(asked.status.snapshot, undefined)
  const shares: number[] = []
  while (opened.queue.waiting > 0) {
    await opened.queue.runOnce()
    const { status } = await opened.exports.status(asked.status.id, anna)
    shares.push(status.share ?? -1)
    if (status.snapshot?.kind !== 'by part') throw new Error('the snapshot is not said')
    assert.ok(status.snapshot.from <= status.snapshot.to)
    assert.match(status.snapshot.meaning, /moment its part was read/)
  }
  assert.deepEqual(shares, shares.toSorted((a, b) => a - b))
  assert.ok(shares[0]! > 0 && shares[0]! < 0.1 && shares.at(-2)! < 1 && shares.at(-1) === 1, String(shares))
})

test('a key that does not tell rows apart is found out, and the export fails', async (t) => {
  const wrong = (name: string, text: string): ReturnType<typeof defineExport> =>
    defineExport(name, { input: Type.Object({}), key: 'k', query: () => ({ text }), part: '1MiB' })
  const nulls = wrong('nulls', 'select nullif(i, 500) as k from generate_series(1, 5000) i')
  const twins = wrong('twins', 'select greatest(i, 1001) as k from generate_series(1, 5000) i')
  const absent = wrong('absent', 'select i as id from generate_series(1, 5000) i')
  const opened = await openTestExports(t, pool, [nulls, twins, absent])
  for (const definition of [nulls, twins]) {
    const { status } = await opened.exports.request(definition, {}, anna)
    const error = await opened.queue.runOnce() as { code?: string }
    assert.equal(error.code, 'EXPORT_KEY_INVALID', definition.name)
    const failed = (await opened.exports.status(status.id, anna)).status
    assert.equal(failed.state, 'failed')
    assert.equal(failed.error?.code, 'EXPORT_FAILED')
    opened.queue.drop()
  }
  await opened.exports.request(absent, {}, anna)
  assert.match(String(await opened.queue.runOnce()), /column "k" does not exist/)
})

test('a run that fails leaves the rest to the next; the last one to fail says so', async (t) => {
  let fails = 2
  const store = watchedStore(await testStore(t), async function* (bytes, name) {
    if (name.endsWith('-1') && fails-- > 0) throw new Error('no room')
    yield* bytes
  })
  const opened = await openTestExports(t, pool, [entriesExport('entries')], { store })
  const { status } = await opened.exports.request(opened.exports.definitions[0]!, {}, anna)
  assert.match(String(await opened.queue.runOnce()), /no room/)
  assert.equal((await opened.exports.status(status.id, anna)).status.state, 'running')
  assert.match(String(await opened.queue.runOnce({ isLastAttempt: true })), /no room/)
  const failed = (await opened.exports.status(status.id, anna)).status
  assert.equal(failed.state, 'failed')
  assert.equal(failed.parts, 1)
  assert.deepEqual(failed.error, { code: 'EXPORT_FAILED', message: 'The export could not be made.' })
  // Redriven from the dead letters it goes on after its last part.
  await opened.queue.run()
  assert.equal((await opened.exports.status(status.id, anna)).status.state, 'done')
  assert.equal(digest(unpack.gzip(await bytesOf(opened, status.id))), digest(await directly('ndjson')))
})

test('a store that refuses before the first row costs no connection', async (t) => {
  const store = await testStore(t)
  const refusing: FileStore = { ...store, write: () => Promise.reject(new Error('read-only')) }
  const definitions = [entriesExport('entries'), entriesExport('whole', { key: undefined as never })]
  const opened = await openTestExports(t, pool, definitions, { store: refusing })
  for (const definition of definitions) {
    await opened.exports.request(definition, {}, anna)
    for (let run = 0; run < 6; run++) assert.match(String(await opened.queue.runOnce()), /read-only/)
    opened.queue.drop()
  }
  await waitUntil('all connections are back', () => pool.idleCount === pool.totalCount)
})

test('a drain, or a lost lease, is no failure, whichever attempt it is', async (t) => {
  for (const code of ['JOB_WORKER_DRAINED', 'JOB_LEASE_LOST']) {
    const stop = new AbortController()
    let isFirst = true
    const store = watchedStore(await testStore(t), async function* (bytes) {
      for await (const piece of bytes) {
        yield piece
        if (isFirst) stop.abort(Object.assign(new Error('stop'), { code }))
        isFirst = false
      }
    })
    const opened = await openTestExports(t, pool, [entriesExport('entries')], { store })
    const { status } = await opened.exports.request(opened.exports.definitions[0]!, {}, anna)
    assert.match(String(await opened.queue.runOnce({ signal: stop.signal, isLastAttempt: true })), /stop/)
    assert.equal((await opened.exports.status(status.id, anna)).status.state, 'running')
    await opened.queue.run()
    assert.equal((await opened.exports.status(status.id, anna)).status.state, 'done')
  }
})

function counted ({ registry }: TestExports, name: string): number {
  const family = registry.snapshot().families.find((one) => one.name === name)
  return Number(family?.values[0] ?? 0)
}

test('exports that are closed while one is made leave the rest to another process', async (t) => {
  const store = await testStore(t)
  const inside = Promise.withResolvers<void>()
  const closing = watchedStore(store, async function* (bytes, name) {
    for await (const piece of bytes) {
      yield piece
      if (name.endsWith('-1')) inside.resolve()
    }
  })
  const here = await openTestExports(t, pool, [entriesExport('entries')], { store: closing })
  const { status } = await here.exports.request(here.exports.definitions[0]!, {}, anna)
  const run = here.queue.runOnce({ isLastAttempt: true })
  await inside.promise
  await here.exports.close()
  assert.equal((await run as { code?: string }).code, 'JOB_SNOOZED')
  assert.match(String(await here.queue.runOnce()), /openExports/)
  const there = await openTestExports(t, pool, [entriesExport('entries')], { store })
  assert.equal((await there.exports.status(status.id, anna)).status.state, 'running')
  await here.queue.run()
  assert.equal(digest(unpack.gzip(await bytesOf(there, status.id))), digest(await directly('ndjson')))
})
