import type { FastifyInstance } from 'fastify'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough, Readable } from 'node:stream'
import { test, type TestContext } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { brotliDecompressSync, createGunzip, gunzipSync, zstdDecompressSync } from 'node:zlib'
import type { PayloadCommons, PayloadSettings } from '../settings.ts'
import { shapedApp } from '../shaped-app.fixture.ts'
import type { Coding } from './coding.ts'

const text = JSON.stringify({ items: Array.from({ length: 100 }, (_, id) => ({ id, name: `item ${id}` })) })

const decoders: Readonly<Record<Coding, (body: Buffer) => Buffer>> = {
  gzip: gunzipSync,
  br: brotliDecompressSync,
  zstd: zstdDecompressSync,
}

function jsonApp (
  t: TestContext,
  compress: NonNullable<PayloadSettings['compress']> = true,
  commons: Partial<PayloadCommons> = {},
  headers: Record<string, string> = {}
): FastifyInstance {
  const app = shapedApp(t, commons)
  app.get(
    '/',
    { config: { payload: { compress } } },
    (_request, reply) => reply.headers(headers).type('application/json').send(text)
  )
  return app
}

for (const coding of ['gzip', 'br', 'zstd'] as const) {
  test(`a body is sent as ${coding} to a client that takes it, with its own length and Vary`, async (t) => {
    const app = jsonApp(t)
    const answer = await app.inject({ url: '/', headers: { 'accept-encoding': coding } })
    assert.equal(answer.headers['content-encoding'], coding)
    assert.equal(answer.headers['content-length'], String(answer.rawPayload.length))
    assert.equal(answer.headers['vary'], 'accept-encoding')
    assert.equal(decoders[coding](answer.rawPayload).toString(), text)
  })
}

test('a body that is too long to be compressed at once comes out the same', async (t) => {
  const app = shapedApp(t)
  const long = 'plain words and more of them. '.repeat(5_000)
  app.get('/', { config: { payload: { compress: true } } }, () => long)
  const answer = await app.inject({ url: '/', headers: { 'accept-encoding': 'br' } })
  assert.equal(brotliDecompressSync(answer.rawPayload).toString(), long)
})

test('a client that says nothing of codings, and one that takes none, get the plain body', async (t) => {
  const app = jsonApp(t)
  for (const header of ['', 'identity', 'compress', 'gzip;q=0', 'identity, gzip;q=0.5']) {
    const answer = await app.inject({ url: '/', headers: { 'accept-encoding': header } })
    assert.equal(answer.headers['content-encoding'], undefined, header)
    assert.equal(answer.body, text)
  }
  assert.equal((await app.inject('/')).body, text)
})

test('a client that refuses the plain body and takes no coding of ours gets 406, and the handler does not run', async (t) => {
  const app = shapedApp(t)
  let runs = 0
  app.get('/', { config: { payload: { compress: true } } }, () => {
    runs++
    return text
  })
  for (const header of ['identity;q=0', '*;q=0', 'compress, identity;q=0']) {
    const answer = await app.inject({ url: '/', headers: { 'accept-encoding': header } })
    assert.equal(answer.statusCode, 406, header)
    assert.equal(answer.json().code, 'NOT_ACCEPTABLE')
  }
  assert.equal(runs, 0)
})

test('a body below the floor stays plain, unless the client refuses plain ones', async (t) => {
  const app = shapedApp(t)
  app.get(
    '/',
    { config: { payload: { compress: { floor: 100 } } } },
    (_request, reply) => reply.type('text/plain').send('x'.repeat(99))
  )
  app.get(
    '/at',
    { config: { payload: { compress: { floor: 100 } } } },
    (_request, reply) => reply.type('text/plain').send('x'.repeat(100))
  )
  const plain = await app.inject({ url: '/', headers: { 'accept-encoding': 'gzip' } })
  assert.equal(plain.headers['content-encoding'], undefined)
  const forced = await app.inject({ url: '/', headers: { 'accept-encoding': 'gzip, identity;q=0' } })
  assert.equal(forced.headers['content-encoding'], 'gzip')
  const at = await app.inject({ url: '/at', headers: { 'accept-encoding': 'gzip' } })
  assert.equal(at.headers['content-encoding'], 'gzip')
})

test('what is coded already, signed, partial, not to be transformed or not compressible stays as it is', async (t) => {
  const fixed: readonly Record<string, string>[] = [
    { 'content-encoding': 'br' },
    { 'content-digest': 'sha-256=:AA==:' },
    { 'repr-digest': 'sha-256=:AA==:' },
    { 'content-range': 'bytes 0-1/2' },
    { 'cache-control': 'public, no-transform' },
  ]
  for (const headers of fixed) {
    const answer = await jsonApp(t, true, {}, headers).inject({
      url: '/',
      headers: { 'accept-encoding': 'gzip' },
    })
    assert.equal(answer.body, text, JSON.stringify(headers))
  }
  const app = shapedApp(t)
  app.get(
    '/',
    { config: { payload: { compress: true } } },
    (_request, reply) => reply.type('image/png').send(Buffer.alloc(2_000))
  )
  const picture = await app.inject({ url: '/', headers: { 'accept-encoding': 'gzip' } })
  assert.equal(picture.headers['content-encoding'], undefined)
  assert.equal(picture.headers['vary'], undefined)
})

test('a strong tag becomes that of the variant, a weak one stays', async (t) => {
  const strong = await jsonApp(t, true, {}, { etag: '"abc"', 'accept-ranges': 'bytes' })
    .inject({ url: '/', headers: { 'accept-encoding': 'gzip' } })
  assert.equal(strong.headers['etag'], '"abc-gzip6"')
  assert.equal(strong.headers['accept-ranges'], undefined)
  const weak = await jsonApp(t, true, {}, { etag: 'W/"abc"' })
    .inject({ url: '/', headers: { 'accept-encoding': 'gzip' } })
  assert.equal(weak.headers['etag'], 'W/"abc"')
  const plain = await jsonApp(t, true, {}, { etag: '"abc"' }).inject('/')
  assert.equal(plain.headers['etag'], '"abc"')
})

test('HEAD has the head of the compressed answer, without a length that nobody knows', async (t) => {
  const app = jsonApp(t, true, {}, { etag: '"abc"' })
  const headers = { 'accept-encoding': 'gzip' }
  const { headers: got } = await app.inject({ url: '/', headers })
  const head = await app.inject({ method: 'HEAD', url: '/', headers })
  for (const name of ['content-encoding', 'etag', 'vary', 'content-type']) {
    assert.equal(head.headers[name], got[name], name)
  }
  assert.equal(head.headers['content-length'], undefined)
  assert.equal(head.body, '')
  const plain = await app.inject({ method: 'HEAD', url: '/' })
  assert.equal(plain.headers['content-length'], String(Buffer.byteLength(text)))
  assert.equal(plain.headers['content-encoding'], undefined)
})

test('the level follows the headroom, and without any nothing is compressed', async (t) => {
  let headroom = 1
  const app = jsonApp(t, true, { headroom: () => headroom }, { etag: '"abc"' })
  const tag = async (): Promise<unknown> =>
    (await app.inject({ url: '/', headers: { 'accept-encoding': 'zstd' } })).headers['etag']
  assert.equal(await tag(), '"abc-zstd6"')
  headroom = 0.5
  assert.equal(await tag(), '"abc-zstd3"')
  headroom = 0.1
  assert.equal(await tag(), '"abc-zstd1"')
  headroom = 0.01
  assert.equal(await tag(), '"abc"')
  const forced = await app.inject({ url: '/', headers: { 'accept-encoding': 'zstd, identity;q=0' } })
  assert.equal(forced.headers['content-encoding'], 'zstd')
})

test('sizes are reported', async (t) => {
  const seen: unknown[] = []
  const app = jsonApp(t, true, { onEncoded: (...sizes) => seen.push(sizes) })
  const { rawPayload } = await app.inject({ url: '/', headers: { 'accept-encoding': 'gzip' } })
  assert.deepEqual(seen, [['gzip', Buffer.byteLength(text), rawPayload.length]])
})

test('a stream is compressed as it comes, and its strong tag becomes weak', async (t) => {
  const app = shapedApp(t)
  app.get(
    '/',
    { config: { payload: { compress: true } } },
    (_request, reply) =>
      reply.type('text/csv').header('etag', '"abc"').header('content-length', '6')
        .send(Readable.from(['a,b\n', '1,2\n']))
  )
  app.get(
    '/web',
    { config: { payload: { compress: true } } },
    (_request, reply) => reply.type('text/csv').send(Readable.toWeb(Readable.from([Buffer.from('web')])))
  )
  const answer = await app.inject({ url: '/', headers: { 'accept-encoding': 'gzip' } })
  assert.equal(gunzipSync(answer.rawPayload).toString(), 'a,b\n1,2\n')
  assert.equal(answer.headers['etag'], 'W/"abc"')
  assert.equal(answer.headers['content-length'], undefined)
  const web = await app.inject({ url: '/web', headers: { 'accept-encoding': 'gzip' } })
  assert.equal(gunzipSync(web.rawPayload).toString(), 'web')
})

test('server-sent events stay plain, unless the route says otherwise', async (t) => {
  const app = shapedApp(t)
  for (const eventStreams of [false, true]) {
    app.get(
      `/${eventStreams}`,
      { config: { payload: { compress: { eventStreams } } } },
      (_request, reply) => reply.type('text/event-stream').send(Readable.from(['data: 1\n\n']))
    )
  }
  for (const eventStreams of [false, true]) {
    const answer = await app.inject({ url: `/${eventStreams}`, headers: { 'accept-encoding': 'gzip' } })
    assert.equal(answer.headers['content-encoding'], eventStreams ? 'gzip' : undefined)
  }
})

test('a record of a compressed NDJSON stream arrives before the next one is there', async (t) => {
  const app = shapedApp(t)
  const source = new PassThrough()
  app.get(
    '/',
    { config: { payload: { compress: true } } },
    (_request, reply) => reply.type('application/x-ndjson').send(source)
  )
  await app.listen({ port: 0, host: '127.0.0.1' })
  source.write('{"n":1}\n')
  const response = await get(app, { 'accept-encoding': 'gzip' })
  const decoded = response.pipe(createGunzip())
  const [first] = await once(decoded, 'data') as [Buffer]
  assert.equal(first.toString(), '{"n":1}\n')
  source.end('{"n":2}\n')
  const [second] = await once(decoded, 'data') as [Buffer]
  assert.equal(second.toString(), '{"n":2}\n')
})

test('a client that leaves ends the source of a compressed stream', async (t) => {
  const app = shapedApp(t)
  const source = new PassThrough()
  app.get(
    '/',
    { config: { payload: { compress: true } } },
    (_request, reply) => reply.type('application/x-ndjson').send(source)
  )
  await app.listen({ port: 0, host: '127.0.0.1' })
  source.write('{"n":1}\n')
  const response = await get(app, { 'accept-encoding': 'gzip' })
  await once(response, 'data')
  const closed = once(source, 'close')
  response.destroy()
  await closed
  assert.equal(source.destroyed, true)
})

test('a compressed stream is not read faster than its client reads', async (t) => {
  const app = shapedApp(t)
  let made = 0
  const source = new Readable({
    read () {
      made++
      // Random bytes do not compress, so that what is made has to be sent.
      this.push(crypto.getRandomValues(Buffer.alloc(65_536)))
    },
  })
  app.get(
    '/',
    { config: { payload: { compress: true } } },
    (_request, reply) => reply.type('text/plain').send(source)
  )
  await app.listen({ port: 0, host: '127.0.0.1' })
  const response = await get(app, { 'accept-encoding': 'gzip' })
  response.pause()
  let before = -1
  while (made !== before) {
    before = made
    for (let turn = 0; turn < 200; turn++) await setImmediate()
  }
  assert.ok(made < 1_000, `${made} chunks of 64 KiB for nobody`)
  response.destroy()
})

test('a stream that fails before its first byte is answered with a plain problem', async (t) => {
  const app = shapedApp(t)
  app.get('/', { config: { payload: { compress: true } } }, (_request, reply) => {
    const source = new Readable({ read: () => {} })
    process.nextTick(() => source.destroy(new Error('no file')))
    return reply.type('text/plain').header('etag', '"abc"').send(source)
  })
  const answer = await app.inject({ url: '/', headers: { 'accept-encoding': 'gzip' } })
  assert.equal(answer.statusCode, 500)
  assert.equal(answer.headers['content-encoding'], undefined)
  assert.equal(answer.headers['etag'], undefined)
  assert.equal(answer.json().message, 'no file')
})

test('a stream that fails in the middle breaks off, so that the client can tell', async (t) => {
  const app = shapedApp(t)
  const source = new PassThrough()
  app.get(
    '/',
    { config: { payload: { compress: true } } },
    (_request, reply) => reply.type('application/x-ndjson').send(source)
  )
  await app.listen({ port: 0, host: '127.0.0.1' })
  source.write('{"n":1}\n')
  const response = await get(app, { 'accept-encoding': 'gzip' })
  await once(response, 'data')
  const broken = once(response, 'error')
  source.destroy(new Error('the statement failed'))
  const [error] = await broken
  assert.equal(error.code, 'ECONNRESET')
})

test('204 and 304 have no body to compress', async (t) => {
  const app = shapedApp(t)
  for (const status of [204, 304]) {
    app.get(
      `/${status}`,
      { config: { payload: { compress: true } } },
      (_request, reply) => reply.code(status).send()
    )
  }
  for (const status of [204, 304]) {
    const answer = await app.inject({ url: `/${status}`, headers: { 'accept-encoding': 'gzip' } })
    assert.equal(answer.headers['content-encoding'], undefined)
  }
})

async function get (
  app: FastifyInstance,
  headers: Record<string, string>
): Promise<import('node:http').IncomingMessage> {
  const { port } = app.server.address() as AddressInfo
  const request = httpRequest({ port, host: '127.0.0.1', headers })
  request.end()
  const [response] = await once(request, 'response')
  return response
}
