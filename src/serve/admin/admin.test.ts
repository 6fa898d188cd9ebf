import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Server } from 'node:net'
import { test } from 'node:test'
import { Agent, request } from 'undici'
import { manualClock } from '../../kernel/index.ts'
import { Health } from '../health/index.ts'
import { type Admin, AdminListenError, type AdminOptions, openAdmin } from './index.ts'

async function* chunksOf (...chunks: readonly string[]): AsyncGenerator<string> {
  yield* chunks
}

function started (): Health {
  const health = new Health()
  health.started()
  return health
}

/** An admin port on any free port, and a way to ask it. */
async function open (options: Partial<AdminOptions> = {}): Promise<
  {
    admin: Admin
    url: (path: string) => string
  } & AsyncDisposable
> {
  const admin = await openAdmin({
    address: { host: '127.0.0.1', port: 0 },
    metrics: () => ({ contentType: 'text/plain; version=0.0.4', body: chunksOf('a 1\n', 'b 2\n') }),
    health: started(),
    status: () => ({ workers: 2 }),
    ...options,
  })
  const url = (path: string): string => `http://127.0.0.1:${admin.address.port}${path}`
  return { admin, url, [Symbol.asyncDispose]: admin.close }
}

test('each path answers GET with its content, and HEAD with the same headers and no body', async () => {
  await using admin = await open()
  const expected = {
    '/': ['text/plain', /\/metrics[^]*\/status/],
    '/metrics': ['text/plain; version=0.0.4', /^a 1\nb 2\n$/],
    '/livez': ['application/health+json', /"status":"pass"/],
    '/readyz': ['application/health+json', /"state":"ready"/],
    '/startupz': ['application/health+json', /"status":"pass"/],
    '/status': ['application/json', /"workers": 2/],
  } as const
  for (const [path, [contentType, content]] of Object.entries(expected)) {
    const got = await request(admin.url(path))
    assert.equal(got.statusCode, 200, path)
    assert.equal(got.headers['content-type'], contentType, path)
    assert.equal(got.headers['cache-control'], 'no-store', path)
    assert.match(await got.body.text(), content, path)
    const head = await request(admin.url(path), { method: 'HEAD' })
    assert.equal(head.statusCode, 200, path)
    assert.equal(head.headers['content-type'], contentType, path)
    assert.equal(await head.body.text(), '', path)
  }
})

test('HEAD /metrics renders nothing', async () => {
  let asked = false
  async function* watched (): AsyncGenerator<string> {
    asked = true
    yield 'a 1\n'
  }
  await using admin = await open({ metrics: () => ({ contentType: 'text/plain', body: watched() }) })
  await (await request(admin.url('/metrics'), { method: 'HEAD' })).body.text()
  assert.equal(asked, false)
})

test('a query does not change the path', async () => {
  await using admin = await open()
  assert.equal((await request(admin.url('/livez?verbose=1'))).statusCode, 200)
})

test('any other path is a 404 problem', async () => {
  await using admin = await open()
  const { statusCode, headers, body } = await request(admin.url('/reload'), { method: 'POST' })
  assert.equal(statusCode, 404)
  assert.equal(headers['content-type'], 'application/problem+json')
  assert.equal(((await body.json()) as { code: string }).code, 'NOT_FOUND')
})

test('any other method is a 405 problem that names those allowed', async () => {
  await using admin = await open()
  for (const path of ['/', '/metrics', '/readyz', '/status']) {
    const { statusCode, headers, body } = await request(admin.url(path), { method: 'POST', body: 'x' })
    assert.equal(statusCode, 405, path)
    assert.equal(headers.allow, 'GET, HEAD')
    assert.equal(((await body.json()) as { code: string }).code, 'METHOD_NOT_ALLOWED')
  }
})

test('readiness that fails answers 503', async () => {
  const health = started()
  health.drain()
  await using admin = await open({ health })
  const { statusCode, body } = await request(admin.url('/readyz'))
  assert.equal(statusCode, 503)
  assert.match(await body.text(), /"state":"draining"/)
})

test("the accept header chooses the metrics' format", async () => {
  await using admin = await open({
    metrics: async (accept) => ({ contentType: `${accept}; chosen=1`, body: chunksOf('') }),
  })
  const headers = { accept: 'application/openmetrics-text' }
  const answer = await request(admin.url('/metrics'), { headers })
  assert.equal(answer.headers['content-type'], 'application/openmetrics-text; chosen=1')
})

test('it answers while a scrape is running', async () => {
  const gate = Promise.withResolvers<void>()
  async function* slow (): AsyncGenerator<string> {
    yield 'a 1\n'
    await gate.promise
    yield 'b 2\n'
  }
  await using admin = await open({ metrics: () => ({ contentType: 'text/plain', body: slow() }) })
  const scrape = await request(admin.url('/metrics'))
  assert.equal((await request(admin.url('/livez'))).statusCode, 200)
  assert.equal((await request(admin.url('/status'))).statusCode, 200)
  gate.resolve()
  assert.equal(await scrape.body.text(), 'a 1\nb 2\n')
})

test('a reader that does not read holds the scrape back, and one that goes away ends it', async () => {
  const ended = Promise.withResolvers<void>()
  let asked = 0
  async function* endless (): AsyncGenerator<string> {
    try {
      for (;;) {
        asked += 1
        yield 'x'.repeat(65_536)
      }
    } finally {
      ended.resolve()
    }
  }
  await using admin = await open({ metrics: () => ({ contentType: 'text/plain', body: endless() }) })
  const socket = connect(admin.admin.address.port, '127.0.0.1')
  socket.pause()
  socket.write('GET /metrics HTTP/1.1\r\nhost: admin\r\n\r\n')
  // It stands still once the buffers between the two are full: no more is asked for over many turns.
  let seen = -1
  for (let turnsStill = 0; turnsStill < 200; turnsStill = asked === seen && asked > 0 ? turnsStill + 1 : 0) {
    seen = asked
    await new Promise((resolve) => setImmediate(resolve))
  }
  socket.destroy()
  await ended.promise
  assert.ok(asked < 1_000, `${asked} chunks were made for nobody`)
})

test('a source that throws is a 500 problem without its message, and told', async () => {
  const errors: unknown[] = []
  const broken = (): never => {
    throw new Error('hunter2')
  }
  await using admin = await open({ metrics: broken, status: broken, onError: (error) => errors.push(error) })
  for (const path of ['/metrics', '/status']) {
    const { statusCode, headers, body } = await request(admin.url(path))
    assert.equal(statusCode, 500)
    assert.equal(headers['content-type'], 'application/problem+json')
    assert.doesNotMatch(await body.text(), /hunter2/)
  }
  assert.equal(errors.length, 2)
})

test('a scrape that breaks in the middle cuts the connection, so that it is not taken for whole', async () => {
  async function* breaking (): AsyncGenerator<string> {
    yield 'a 1\n'
    throw new Error('a worker died')
  }
  await using admin = await open({ metrics: () => ({ contentType: 'text/plain', body: breaking() }) })
  await assert.rejects(async () => (await request(admin.url('/metrics'))).body.text())
})

test('a port in use is an error that names admin, the address and the way out', async () => {
  const other: Server = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as { port: number }
  try {
    await assert.rejects(open({ address: { host: '127.0.0.1', port } }), (error) => {
      assert.ok(error instanceof AdminListenError)
      assert.equal(error.code, 'ADMIN_ADDRESS_IN_USE')
      assert.match(error.message, new RegExp(`^admin: 127\\.0\\.0\\.1:${port} is in use already; .*--admin`))
      return true
    })
  } finally {
    other.close()
  }
})

test('an address that is not of this machine is an error that names admin', async () => {
  await assert.rejects(open({ address: { host: '192.0.2.1', port: 0 } }), {
    code: 'ADMIN_LISTEN_FAILED',
    message: /^admin: cannot listen on 192\.0\.2\.1:0 \(EADDRNOTAVAIL\)/,
  })
})

test('close ends idle connections and refuses new ones', async () => {
  await using opened = await open()
  const agent = new Agent()
  try {
    await (await request(opened.url('/livez'), { dispatcher: agent })).body.text()
    await opened.admin.close()
    await opened.admin.close()
    await assert.rejects(request(opened.url('/livez')), { code: 'ECONNREFUSED' })
  } finally {
    await agent.destroy()
  }
})

test('close lets an answer under way end, and cuts it once the grace is over', async () => {
  const clock = manualClock()
  const held = async function* (): AsyncGenerator<string> {
    yield 'a 1\n'
    await new Promise(() => {})
  }
  const { admin, url } = await open({
    clock,
    closeGraceMs: 1_000,
    metrics: () => ({ contentType: 'text/plain', body: held() }),
  })
  const { body } = await request(url('/metrics'))
  let closed = false
  const closing = admin.close().then(() => closed = true)
  clock.advance(999)
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(closed, false)
  clock.advance(1)
  await assert.rejects(body.text())
  await closing
})
