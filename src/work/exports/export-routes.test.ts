import fc from 'fast-check'
import Fastify, { type FastifyInstance } from 'fastify'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get } from 'node:http'
import { Readable } from 'node:stream'
import { after, before, test, type TestContext } from 'node:test'
import { gunzipSync } from 'node:zlib'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { Deadline, openContext, runWithContext } from '../../kernel/index.ts'
import { exportInstead, exportResponder } from './export-responder.ts'
import { exportRoutes, type ExportRoutesOptions } from './export-routes.ts'
import {
  entriesExport,
  makeEntries,
  openTestExports,
  type TestExports,
  testStore,
} from './exports.fixture.ts'
import type { OpenExportsOptions } from './exports.ts'
import { readRange } from './read-range.ts'
import { type FileStore, s3Store, StoreUnavailableError } from './store/index.ts'
import { mockS3 } from './store/s3-mock.fixture.ts'

let database: TestDatabase
let pool: pg.Pool

before(async () => {
  database = await testDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 4 })
  pool.on('error', () => {})
  await pool.query(makeEntries)
})

after(async () => {
  await pool.end()
  await database.close()
})

const entries = entriesExport('entries', { fileName: () => 'Einträge 2026' })
const whole = entriesExport('whole', { key: undefined as never })

interface Served extends TestExports {
  readonly app: FastifyInstance
  readonly base: string
  /** Asks for an export, makes it, and gives its address. */
  make(below?: number, of?: typeof entries): Promise<string>
}

const ownerOf = (
  request: { readonly headers: Record<string, unknown> }
): { tenant: string; user: string } => ({
  tenant: 'acme',
  user: String(request.headers['x-user'] ?? 'anna'),
})

async function serve (
  t: TestContext,
  more: Partial<ExportRoutesOptions> = {},
  options: Partial<OpenExportsOptions> = {}
): Promise<Served> {
  const opened = await openTestExports(t, pool, [entries, whole], { limits: { open: 1_000 }, ...options })
  const app = Fastify()
  t.after(() => app.close())
  await app.register(exportRoutes({ exports: opened.exports, ownerOf, ...more }))
  const base = await app.listen({ port: 0, host: '127.0.0.1' })
  return {
    ...opened,
    app,
    base,
    async make (below = 100, of = entries) {
      const { status } = await opened.exports.request(of, { below }, { tenant: 'acme', user: 'anna' })
      await opened.queue.run()
      return `/exports/${status.id}`
    },
  }
}

test('the status of an export is read by its owner, and only sent when it has changed', async (t) => {
  const { app, exports, queue } = await serve(t)
  const { status } = await exports.request(entries, { below: 10 }, { tenant: 'acme', user: 'anna' })
  const url = `/exports/${status.id}`
  const queued = await app.inject(url)
  assert.equal(queued.json().state, 'queued')
  assert.equal(queued.headers['retry-after'], '2')
  assert.match(String(queued.headers['cache-control']), /private/)
  const etag = String(queued.headers['etag'])
  const same = await app.inject({ url, headers: { 'if-none-match': etag } })
  assert.equal(same.statusCode, 304)
  assert.equal(same.headers['retry-after'], '2')
  await queue.run()
  const done = await app.inject({ url, headers: { 'if-none-match': etag } })
  assert.equal(done.statusCode, 200)
  assert.equal(done.headers['retry-after'], undefined)
  const { state, parts, rows, share, expiresAt, snapshot, url: file } = done.json()
  assert.deepEqual({ state, parts, rows, share, file }, {
    state: 'done',
    parts: 1,
    rows: 9,
    share: 1,
    file: `${url}/file`,
  })
  assert.match(expiresAt, /^\d{4}-/)
  assert.equal(snapshot.kind, 'by part')
  assert.equal((await app.inject({ url, headers: { 'x-user': 'bert' } })).statusCode, 404)
  assert.equal((await app.inject({ url: '/exports/none' })).statusCode, 404)
})

test('a status with Prefer: wait comes when there is news, or when the time is up', async (t) => {
  const { app, exports, queue } = await serve(t, { longestWait: '10s' })
  const { status } = await exports.request(entries, { below: 10 }, { tenant: 'acme', user: 'anna' })
  const url = `/exports/${status.id}`
  const { headers: { etag } } = await app.inject(url)
  const waiting = app.inject({ url, headers: { prefer: 'wait=60', 'if-none-match': String(etag) } })
  const soon = await app.inject({ url, headers: { prefer: 'respond-async, wait=0' } })
  assert.equal(soon.headers['preference-applied'], undefined)
  await queue.run()
  const answer = await waiting
  assert.equal(answer.statusCode, 200)
  assert.equal(answer.headers['preference-applied'], 'wait=10')
  assert.notEqual(answer.headers['etag'], etag)
  const over = await app.inject({ url, headers: { prefer: 'wait=60' } })
  assert.equal(over.json().state, 'done')
})

test('a status is held back no longer than the deadline of its request', async (t) => {
  const { exports } = await openTestExports(t, pool, [entries])
  const { status } = await exports.request(entries, { below: 10 }, { tenant: 'acme', user: 'anna' })
  const deadline = Deadline.in(1_500)
  const app = Fastify()
  t.after(() => app.close())
  app.addHook(
    'onRequest',
    (_request, _reply, next) => runWithContext(openContext({ id: 'request', deadline }), next)
  )
  await app.register(exportRoutes({ exports, ownerOf }))
  const answer = await app.inject({ url: `/exports/${status.id}`, headers: { prefer: 'wait=20' } })
  assert.equal(answer.statusCode, 200)
  assert.equal(answer.headers['preference-applied'], 'wait=2')
  assert.equal(deadline.passed, false)
})

test('a client that reads gzip gets the file as it is kept; another one gets it unpacked', async (t) => {
  const { app, base, make } = await serve(t)
  const url = `${await make(20_000)}/file`
  const kept = await app.inject({ url, headers: { 'accept-encoding': 'br, gzip;q=0.5' } })
  assert.equal(kept.headers['content-encoding'], 'gzip')
  assert.equal(kept.headers['content-type'], 'application/x-ndjson')
  assert.equal(kept.headers['content-length'], String(kept.rawPayload.length))
  assert.equal(
    kept.headers['content-disposition'],
    `attachment; filename="Eintr_ge 2026.ndjson"; filename*=UTF-8''Eintr%C3%A4ge%202026.ndjson`
  )
  assert.equal(kept.headers['vary'], 'accept-encoding')
  const plain = gunzipSync(kept.rawPayload)
  for (const accepted of [{}, { 'accept-encoding': 'identity' }, { 'accept-encoding': 'gzip;q=0' }]) {
    const unpacked = await app.inject({ url, headers: accepted })
    assert.equal(unpacked.headers['content-encoding'], undefined)
    assert.equal(unpacked.headers['accept-ranges'], undefined)
    assert.ok(unpacked.rawPayload.equals(plain))
    assert.notEqual(unpacked.headers['etag'], kept.headers['etag'])
  }
  // A client with a decoder of its own, over a real connection.
  const fetched = await fetch(base + url)
  assert.equal(await fetched.text(), plain.toString())
  const matched = { 'accept-encoding': 'gzip', 'if-none-match': String(kept.headers['etag']) }
  assert.equal((await app.inject({ url, headers: matched })).statusCode, 304)
})

test('a download that broke off goes on where it was, over the edges of parts', async (t) => {
  const { app, exports, make } = await serve(t)
  const address = await make(30_000)
  const url = `${address}/file`
  const { status } = await exports.status(address.split('/').at(-1)!, 'anybody')
  assert.ok(status.parts > 2)
  const headers = { 'accept-encoding': 'gzip' }
  const all = await app.inject({ url, headers })
  const etag = String(all.headers['etag'])
  await fc.assert(
    fc.asyncProperty(fc.nat(status.bytes - 1), fc.nat(status.bytes), async (start, length) => {
      const end = start + length
      const some = await app.inject({
        url,
        headers: { ...headers, range: `bytes=${start}-${end}`, 'if-range': etag },
      })
      assert.equal(some.statusCode, 206)
      const last = Math.min(end, status.bytes - 1)
      assert.equal(some.headers['content-range'], `bytes ${start}-${last}/${status.bytes}`)
      assert.ok(some.rawPayload.equals(all.rawPayload.subarray(start, last + 1)))
    }),
    { numRuns: 12 }
  )
  const beyond = await app.inject({ url, headers: { ...headers, range: `bytes=${status.bytes}-` } })
  assert.equal(beyond.statusCode, 416)
  assert.equal(beyond.headers['content-range'], `bytes */${status.bytes}`)
  const other = await app.inject({ url, headers: { ...headers, range: 'bytes=5-9', 'if-range': '"other"' } })
  assert.equal(other.statusCode, 200)
})

test('HEAD tells of the file what GET would, and reads none of it', async (t) => {
  const { app, base, make, exports } = await serve(t)
  const url = `${await make(20_000)}/file`
  for (const headers of [{ 'accept-encoding': 'gzip' }, { 'accept-encoding': 'identity' }]) {
    const [head, whole] = [
      await fetch(base + url, { method: 'HEAD', headers }),
      await app.inject({ url, headers }),
    ]
    assert.equal(head.status, 200)
    for (const name of ['etag', 'content-encoding', 'content-length', 'content-type', 'content-disposition'])
      assert.equal(head.headers.get(name) ?? undefined, whole.headers[name], name)
  }
  const { status } = await exports.request(entries, {}, { tenant: 'acme', user: 'anna' })
  assert.equal((await app.inject({ url: `/exports/${status.id}/file`, method: 'HEAD' })).statusCode, 409)
  assert.equal((await app.inject({ url, method: 'HEAD', headers: { 'x-user': 'bert' } })).statusCode, 404)
})

test('one range is read; several, and what is none, are answered with all', () => {
  const rows: readonly (readonly [string | undefined, ReturnType<typeof readRange>])[] = [
    [undefined, undefined],
    ['bytes=0-0', { start: 0, end: 0 }],
    ['bytes=5-', { start: 5, end: 9 }],
    ['bytes=-3', { start: 7, end: 9 }],
    ['bytes=-30', { start: 0, end: 9 }],
    ['bytes=-0', 'none'],
    ['bytes=10-', 'none'],
    ['bytes=3-99', { start: 3, end: 9 }],
    ['bytes=5-4', undefined],
    ['bytes=0-1,4-5', undefined],
    ['bytes=-', undefined],
    ['rows=0-1', undefined],
  ]
  for (const [header, found] of rows) assert.deepEqual(readRange(header, 10), found)
  assert.equal(readRange('bytes=-1', 0), 'none')
})

test('a part that is missing, or cut off, breaks the download instead of ending it', async (t) => {
  const { base, make, store } = await serve(t)
  const url = await make(20_000)
  const names: string[] = []
  for await (const { name } of store.list('')) names.push(name)
  const last = names.toSorted().at(-1)!
  await store.write(
    last,
    (async function* () {
      yield Buffer.from('short')
    })()
  )
  await assert.rejects(fetch(`${base}${url}/file`).then((answer) => answer.arrayBuffer()))
  await store.delete([last])
  await assert.rejects(fetch(`${base}${url}/file`).then((answer) => answer.arrayBuffer()))
})

test('a store that gives nothing is a 503 that says so, not an answer that breaks off', async (t) => {
  const kept = await testStore(t)
  const store: FileStore = {
    ...kept,
    async read () {
      throw new StoreUnavailableError('read it', 'SlowDown')
    },
  }
  const { app, make } = await serve(t, {}, { store })
  const url = `${await make()}/file`
  for (const headers of [{}, { 'accept-encoding': 'gzip' }]) {
    const { statusCode, headers: sent } = await app.inject({ url, headers })
    assert.equal(statusCode, 503)
    assert.deepEqual([sent['etag'], sent['content-encoding'], sent['content-disposition']], [
      undefined,
      undefined,
      undefined,
    ])
  }
})

test('a client that leaves a download that stalls takes the read of the store with it', async (t) => {
  const kept = await testStore(t)
  const stalled = Promise.withResolvers<Readable>()
  const store: FileStore = {
    ...kept,
    async read (_name, { signal } = {}) {
      const stream = new Readable({ read () {}, ...(signal && { signal }) })
      stream.push(Buffer.alloc(10))
      stalled.resolve(stream)
      return stream
    },
  }
  const { base, make } = await serve(t, {}, { store })
  const client = get(`${base}${await make()}/file`, { headers: { 'accept-encoding': 'gzip' } })
  const stream = await stalled.promise
  const closed = new Promise((resolve) => stream.on('error', () => {}).once('close', resolve))
  const [answer] = await once(client, 'response')
  assert.equal((await once(answer, 'data'))[0].length, 10)
  client.on('error', () => {}).destroy()
  await closed
})

test('DELETE cancels an export, and ends one that is done', async (t) => {
  const { app, exports, make, queue } = await serve(t)
  const { status } = await exports.request(entries, {}, { tenant: 'acme', user: 'anna' })
  const other = await app.inject({
    method: 'DELETE',
    url: `/exports/${status.id}`,
    headers: { 'x-user': 'bert' },
  })
  assert.equal(other.statusCode, 404)
  const cancelled = await app.inject({ method: 'DELETE', url: `/exports/${status.id}` })
  assert.equal(cancelled.json().state, 'cancelled')
  await queue.run()
  const url = await make()
  assert.equal((await app.inject({ method: 'DELETE', url })).json().state, 'expired')
  assert.equal((await app.inject(`${url}/file`)).statusCode, 410)
})

test('where the store signs addresses, a file that is one is fetched there', async (t) => {
  const mock = await mockS3()
  t.after(() => mock.close())
  const store = s3Store(mock)
  const { app, make } = await serve(t, { links: true }, { store })
  const url = `${await make(500, whole)}/file`
  const sent = await app.inject({ url, headers: { 'accept-encoding': 'gzip' } })
  assert.equal(sent.statusCode, 302)
  assert.equal(sent.headers['cache-control'], 'no-store')
  const fetched = await fetch(String(sent.headers['location']))
  assert.equal(fetched.headers.get('content-type'), 'application/x-ndjson')
  assert.match(String(fetched.headers.get('content-disposition')), /whole-\d{4}-\d\d-\d\d\.ndjson/)
  assert.equal((await fetched.text()).split('\n').length, 500)
  // In several files, or for a client that does not read gzip, it goes through the service.
  const parts = await app.inject({
    url: `${await make(30_000)}/file`,
    headers: { 'accept-encoding': 'gzip' },
  })
  assert.equal(parts.statusCode, 200)
  assert.equal((await app.inject(url)).body.split('\n').length, 500)
})

interface OrdersRequest {
  readonly headers: Record<string, string | undefined>
  readonly query: { readonly below: number }
}

test('a request that may be an export becomes one, for who asked, in a form that the client takes', async (t) => {
  const { exports, queue } = await serve(t)
  await pool.query('analyze entry')
  const instead = exportInstead(entries, (request: OrdersRequest) => ({ below: request.query.below }), {
    fromRows: 1_000,
  })
  const responder = exportResponder<OrdersRequest>({
    exports,
    ownerOf,
    exportOf: ({ headers }) => headers['x-route'] === 'other' ? undefined : instead,
  })
  const ask = (headers: Record<string, string>, below = 1e6): ReturnType<typeof responder.accept> =>
    responder.accept({ headers, query: { below } }, undefined)
  const accepted = await ask({ 'x-user': 'bert', accept: 'application/json' })
  assert.match(accepted!.location, /^\/exports\/[\da-f-]{36}$/)
  assert.equal(accepted!.retryAfterSeconds, 2)
  const id = accepted!.location.split('/').at(-1)!
  await queue.run()
  const { status } = await exports.status(id, { tenant: 'acme', user: 'bert' })
  assert.deepEqual([status.state, status.format, status.rows], ['done', 'ndjson', 30_000])
  const formatFor = async (accept: string): Promise<unknown> =>
    ((await ask({ accept }))?.body as { format?: string } | undefined)?.format
  assert.equal(await formatFor('text/csv'), 'csv')
  assert.equal(await formatFor('text/csv;q=0.5, application/json'), 'ndjson')
  assert.equal(await formatFor('*/*'), 'ndjson')
  // Not another form than the client takes, not for a few rows, and not where there is none.
  assert.equal(await formatFor('image/png'), undefined)
  assert.equal(await ask({}, 20), undefined)
  assert.equal(await ask({ 'x-route': 'other' }), undefined)
})
