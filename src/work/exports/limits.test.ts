import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { Type } from 'typebox'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { openContext, runWithContext } from '../../kernel/index.ts'
import { defineExport } from './define-export.ts'
import {
  entriesExport,
  makeEntries,
  openTestExports,
  readAll,
  testStore,
  watchedStore,
} from './exports.fixture.ts'
import { directoryStore, type FileStore } from './store/index.ts'

let database: TestDatabase
let pool: pg.Pool

before(async () => {
  database = await testDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 6 })
  pool.on('error', () => {})
  await pool.query(makeEntries)
})

after(async () => {
  await pool.end()
  await database.close()
})

const anna = { tenant: 'acme', user: 'anna' }
const small = entriesExport('small')

async function namesIn (store: FileStore): Promise<string[]> {
  const names: string[] = []
  for await (const { name } of store.list('')) names.push(name)
  return names
}

/** As if that much time had passed. */
async function pass (interval: string): Promise<void> {
  await pool.query(
    `update plimsoll_export set created_at = created_at - $1::interval,
    changed_at = changed_at - $1::interval, expires_at = expires_at - $1::interval, sweep_at = sweep_at - $1::interval`,
    [
      interval,
    ]
  )
}

test('what is not the viewer’s own is as if it were not there', async (t) => {
  const { exports, queue } = await openTestExports(t, pool, [small])
  const { status: { id } } = await exports.request(small, { below: 10 }, anna)
  await queue.run()
  for (
    const viewer of [
      { tenant: 'acme', user: 'bert' },
      { tenant: 'other', user: 'anna' },
      { tenant: 'acme' },
      { user: 'anna' },
      {},
    ]
  ) {
    await assert.rejects(exports.status(id, viewer), { code: 'EXPORT_NOT_FOUND', statusCode: 404 })
    await assert.rejects(exports.cancel(id, viewer), { code: 'EXPORT_NOT_FOUND' })
    await assert.rejects(exports.file(id, viewer), { code: 'EXPORT_NOT_FOUND' })
    await assert.rejects(exports.waitFor(id, viewer, { timeout: 10 }), { code: 'EXPORT_NOT_FOUND' })
  }
  assert.equal((await exports.status(id, 'anybody')).status.state, 'done')
  assert.equal((await exports.status(id, anna)).status.state, 'done')
  for (const other of ['no-id', "' or true --", '0198d0f0-0000-7000-8000-000000000000']) {
    await assert.rejects(exports.status(other, 'anybody'), { code: 'EXPORT_NOT_FOUND' })
  }
})

test('the query is told who asked, and the tenant of the request is the default', async (t) => {
  const owners: unknown[] = []
  const mine = defineExport('mine', {
    input: Type.Object({}),
    query (_input, owner) {
      owners.push(owner)
      return { text: 'select $1::text as tenant', values: [owner.tenant] }
    },
  })
  const { exports, queue } = await openTestExports(t, pool, [mine])
  const context = openContext({ id: 'x', tenant: 'initech' })
  const { status } = await runWithContext(context, () => exports.request(mine, {}, { user: 'carl' }))
  await queue.run()
  assert.deepEqual(owners, [{ tenant: 'initech', user: 'carl' }])
  const file = await exports.file(status.id, { tenant: 'initech', user: 'carl' })
  assert.equal((await readAll(file.readPlain())).toString(), '{"tenant":"initech"}\n')
})

test('of many who ask at once, a tenant gets as many exports as it may have', async (t) => {
  const { exports, queue } = await openTestExports(t, pool, [small], { limits: { open: 3 } })
  const asked = await Promise.allSettled(
    Array.from(
      { length: 8 },
      (_, at) => exports.request(small, { below: 5 }, { tenant: 'busy', user: `${at}` })
    )
  )
  const refused = asked.filter((one) => one.status === 'rejected')
  assert.equal(refused.length, 5)
  assert.ok(
    refused.every(({ reason }) => reason.code === 'EXPORT_LIMIT_EXCEEDED' && reason.statusCode === 429)
  )
  assert.equal(queue.waiting, 3)
  // By its own exports, of which all wait.
  assert.deepEqual(refused.map(({ reason }) => reason.extensions.retryAfterSeconds), [30, 30, 30, 30, 30])
  await exports.request(small, { below: 5 }, { tenant: 'idle' })
  await queue.run()
  await exports.request(small, { below: 5 }, { tenant: 'busy' })
})

test('without tenants the limit is each user’s own', async (t) => {
  const { exports } = await openTestExports(t, pool, [small], { limits: { open: 1 } })
  await exports.request(small, {}, { user: 'dora' })
  await assert.rejects(exports.request(small, {}, { user: 'dora' }), { code: 'EXPORT_LIMIT_EXCEEDED' })
  await exports.request(small, {}, { user: 'emil' })
})

test('files that are kept take room, until they are deleted', async (t) => {
  const { exports, queue, store } = await openTestExports(t, pool, [small], { limits: { bytes: '100KiB' } })
  const owner = { tenant: 'hoarder' }
  const { status } = await exports.request(small, {}, owner)
  await queue.run()
  assert.ok((await exports.status(status.id, owner)).status.bytes > 102_400)
  await assert.rejects(exports.request(small, {}, owner), ({ code, extensions }) => {
    assert.equal(code, 'EXPORT_LIMIT_EXCEEDED')
    // A day, the quarter of an hour after it, and a round of upkeep.
    const { retryAfterSeconds } = extensions
    assert.ok(retryAfterSeconds > 86_400 && retryAfterSeconds <= 87_360, String(retryAfterSeconds))
    return true
  })
  const ended = await exports.cancel(status.id, owner)
  assert.equal(ended.status.state, 'expired')
  assert.deepEqual((await namesIn(store)).filter((name) => name.startsWith(status.id)), [])
  await pass('16 minutes')
  await exports.upkeep()
  await exports.request(small, {}, owner)
})

test('what does not fit the schema, and a format that is not offered, are refused', async (t) => {
  const lines = entriesExport('lines', { formats: ['ndjson'] })
  const { exports, queue } = await openTestExports(t, pool, [lines])
  await assert.rejects(exports.request(lines, { below: 'x' as never }, anna), {
    code: 'EXPORT_INPUT_INVALID',
    message: /below/,
  })
  await assert.rejects(exports.request(lines, {}, { ...anna, format: 'csv' }), {
    code: 'EXPORT_FORMAT_UNKNOWN',
  })
  await assert.rejects(exports.request(small, {}, anna), { code: 'SETTING_INVALID' })
  assert.equal(queue.waiting, 0)
})

test('a cancelled export ends at once, where it runs, and leaves nothing', async (t) => {
  const running = Promise.withResolvers<void>()
  const held = Promise.withResolvers<void>()
  const slow = watchedStore(await testStore(t), async function* (bytes, name) {
    yield* bytes
    if (!name.endsWith('-2')) return
    running.resolve()
    await held.promise
  })
  let signal: AbortSignal | undefined
  const store: FileStore = {
    ...slow,
    write (name, bytes, ended) {
      signal = ended
      return slow.write(name, bytes, ended)
    },
  }
  const { exports, queue } = await openTestExports(t, pool, [small], { store })
  const { status: { id } } = await exports.request(small, {}, anna)
  await assert.rejects(exports.file(id, anna), { code: 'EXPORT_NOT_READY', statusCode: 409 })
  const run = queue.runOnce()
  await running.promise
  assert.equal((await exports.cancel(id, anna)).status.state, 'cancelled')
  assert.equal(signal?.aborted, true)
  held.resolve()
  assert.equal(await run, undefined)
  assert.equal(queue.cancelled.length, 1)
  assert.deepEqual((await namesIn(store)).filter((name) => name.startsWith(id)), [])
  await assert.rejects(exports.file(id, anna), { code: 'EXPORT_GONE', statusCode: 410 })
  assert.equal((await exports.cancel(id, anna)).status.state, 'cancelled')
})

test('one that was cancelled in another process records nothing more', async (t) => {
  const store = await testStore(t)
  const there = await openTestExports(t, pool, [small], { store })
  const { status: { id } } = await there.exports.request(small, {}, anna)
  let parts = 0
  const here = await openTestExports(t, pool, [small], {
    store: watchedStore(store, async function* (bytes) {
      yield* bytes
      if (++parts === 2) await there.exports.cancel(id, anna)
    }),
  })
  assert.equal(await there.queue.runOnce(), undefined) // performed by the one that was opened last
  assert.equal(parts, 2)
  const { status } = await here.exports.status(id, anna)
  assert.deepEqual([status.state, status.parts], ['cancelled', 1])
  await pass('16 minutes')
  await here.exports.upkeep()
  assert.deepEqual(await namesIn(store), [])
})

test('a run that was paused until the files of its export had gone takes its own with it', async (t) => {
  const store = await testStore(t)
  const there = await openTestExports(t, pool, [small], { store })
  for (const isForgotten of [false, true]) {
    for (const place of ['before the first byte', 'in the middle']) {
      const { status: { id } } = await there.exports.request(small, {}, anna)
      const pause = async (): Promise<void> => {
        await there.exports.cancel(id, anna)
        await pass('16 minutes')
        await there.exports.upkeep()
        if (isForgotten) await pool.query('delete from plimsoll_export where id = $1', [id])
      }
      let parts = 0
      const watched = watchedStore(store, async function* (bytes) {
        yield* bytes
        if (parts === 2 && place === 'in the middle') await pause()
      })
      const pausing: FileStore = {
        ...watched,
        async write (...file) {
          if (++parts === 2 && place === 'before the first byte') await pause()
          return watched.write(...file)
        },
      }
      await openTestExports(t, pool, [small], { store: pausing })
      assert.equal(await there.queue.runOnce(), undefined, place)
      assert.equal(parts, 2)
      assert.deepEqual((await namesIn(store)).filter((name) => name.startsWith(id)), [], place)
    }
  }
})

test('a job that was cancelled in the queue cancels its export', async (t) => {
  const stop = AbortSignal.abort(Object.assign(new Error('cancelled'), { code: 'JOB_CANCELLED' }))
  const { exports, queue } = await openTestExports(t, pool, [small])
  const { status: { id } } = await exports.request(small, {}, anna)
  await queue.runOnce({ signal: stop })
  assert.equal((await exports.status(id, anna)).status.state, 'cancelled')
})

test('an export expires: first its address, then its files, then all that is known of it', async (t) => {
  await pool.query('delete from plimsoll_export')
  const { exports, queue, store } = await openTestExports(t, pool, [small])
  const { status: { id } } = await exports.request(small, { below: 100 }, anna)
  await queue.run()
  const reading = (await exports.file(id, anna)).readPlain()
  assert.equal((await exports.file(id, anna)).leftMs > 86_000_000, true)
  assert.deepEqual(await exports.upkeep(), { swept: 0, forgotten: 0, failed: 0 })
  await pass('24 hours 1 second')
  assert.equal((await exports.status(id, anna)).status.state, 'expired')
  await assert.rejects(exports.file(id, anna), { code: 'EXPORT_GONE' })
  assert.deepEqual(await exports.upkeep(), { swept: 0, forgotten: 0, failed: 0 })
  assert.equal((await readAll(reading)).toString().split('\n').length, 100) // who was reading may go on
  await pass('15 minutes')
  assert.deepEqual(await exports.upkeep(), { swept: 1, forgotten: 0, failed: 0 })
  assert.deepEqual(await namesIn(store), [])
  assert.equal((await exports.status(id, anna)).status.state, 'expired')
  await pass('7 days 1 second')
  assert.deepEqual(await exports.upkeep(), { swept: 0, forgotten: 1, failed: 0 })
  await assert.rejects(exports.status(id, anna), { code: 'EXPORT_NOT_FOUND' })
})

test('files that cannot be deleted are tried again, and by one process at a time', async (t) => {
  await pool.query('delete from plimsoll_export')
  const store = await testStore(t)
  let fails = true
  const failing: FileStore = {
    ...store,
    async expire (prefix, beforeMs) {
      if (fails) throw new Error('no way')
      return store.expire(prefix, beforeMs)
    },
  }
  const { exports, queue } = await openTestExports(t, pool, [small], { store: failing })
  await exports.request(small, { below: 100 }, anna)
  await queue.run()
  await pass('25 hours')
  assert.deepEqual(await exports.upkeep(), { swept: 0, forgotten: 0, failed: 0 })
  fails = false
  assert.deepEqual(await exports.upkeep(), { swept: 0, forgotten: 0, failed: 0 }) // taken for some minutes
  await pass('11 minutes')
  const other = await pool.connect()
  await other.query('begin; select id from plimsoll_export for update')
  assert.deepEqual(await exports.upkeep(), { swept: 0, forgotten: 0, failed: 0 }) // nobody waits for who is at it
  await other.query('rollback')
  other.release()
  assert.deepEqual(
    await Promise.all([exports.upkeep(), exports.upkeep()]).then((both) =>
      both.reduce((sum, { swept }) => sum + swept, 0)
    ),
    1
  )
})

test('an export whose job is dead or gone fails; one whose job waits does not', async (t) => {
  await pool.query('delete from plimsoll_export')
  const { exports, queue } = await openTestExports(t, pool, [small])
  const ids: string[] = []
  for (let at = 0; at < 3; at++) ids.push((await exports.request(small, { below: 10 }, anna)).status.id)
  const { rows } = await pool.query<{ id: string; job: string }>(
    'select id, job from plimsoll_export order by id'
  )
  queue.states.set(rows[0]!.job, 'failed')
  queue.states.set(rows[1]!.job, 'waiting')
  assert.deepEqual(await exports.upkeep(), { swept: 0, forgotten: 0, failed: 0 })
  await pass('11 minutes')
  assert.deepEqual(await exports.upkeep(), { swept: 0, forgotten: 0, failed: 2 })
  const states = await Promise.all(ids.map(async (id) => (await exports.status(id, anna)).status.state))
  assert.deepEqual(states, ['failed', 'queued', 'failed'])
})

test('a wait ends with the export, with a change to what is known, and when its time is up', async (t) => {
  const { exports, queue } = await openTestExports(t, pool, [entriesExport('slow', { turn: 0 })])
  const asked = await exports.request(exports.definitions[0]!, {}, anna)
  const { id } = asked.status
  const atEnd = exports.waitFor(id, anna, { timeout: 20_000 })
  const atChange = exports.waitFor(id, anna, { timeout: 20_000, since: asked.version })
  await queue.runOnce()
  const changed = await atChange
  assert.equal(changed.status.state, 'running')
  assert.ok(changed.version > asked.version)
  assert.equal(
    (await exports.waitFor(id, anna, { timeout: 20_000, since: asked.version })).status.state,
    'running'
  )
  assert.equal((await exports.waitFor(id, anna, { timeout: 30 })).status.state, 'running')
  const left = new AbortController()
  const gone = exports.waitFor(id, anna, { timeout: 20_000, signal: left.signal })
  left.abort()
  assert.equal((await gone).status.state, 'running')
  await queue.run()
  assert.equal((await atEnd).status.state, 'done')
})

test('who waits hears of what another process does', async (t) => {
  const { exports } = await openTestExports(t, pool, [small])
  const { status: { id } } = await exports.request(small, {}, anna)
  const waiting = exports.waitFor(id, anna, { timeout: 20_000 })
  await pool.query(`update plimsoll_export set state = 'cancelled', version = version + 1 where id = $1`, [
    id,
  ])
  assert.equal((await waiting).status.state, 'cancelled')
})

test('a store that cannot be used stops the boot', async (t) => {
  const store = directoryStore({ path: '/dev/null/exports' })
  await assert.rejects(openTestExports(t, pool, [small], { store }), { code: 'FILE_STORE_UNAVAILABLE' })
})

test('definitions and options that cannot be are refused', async (t) => {
  const wrong: readonly Parameters<typeof entriesExport>[1][] = [
    { key: [] },
    { coding: 'br' as never },
    { formats: [] },
    { formats: ['xml' as never] },
    { part: '10B' },
    { part: '2GiB' },
    { keep: '1ms' },
    { turn: 'soon' as never },
    { tier: 'slowly' as never },
    { query: 'select 1' as never },
  ]
  for (const more of wrong)
    assert.throws(() => entriesExport('x', more), { code: 'SETTING_INVALID' }, JSON.stringify(more))
  assert.throws(() => entriesExport('../x'), { code: 'SETTING_INVALID' })
  await assert.rejects(openTestExports(t, pool, [small, small]), { code: 'SETTING_INVALID' })
  await assert.rejects(openTestExports(t, pool, [small], { limits: { open: 0 } }), {
    code: 'SETTING_INVALID',
  })
  await assert.rejects(openTestExports(t, pool, [small], { path: 'exports/' }), { code: 'SETTING_INVALID' })
})
