import fc from 'fast-check'
import Fastify, { type FastifyInstance } from 'fastify'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as ask } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { manualClock } from '../../kernel/index.ts'
import { type FamilySnapshot, MetricsRegistry } from '../../telemetry/index.ts'
import type { PipelineOptions } from './options.ts'
import { plimsoll } from './plugin.ts'

interface Asked {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

interface Got {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
}

/** An app with kept, limited and plain routes, on a clock that stands still. */
async function appOf (
  options: PipelineOptions = {}
): Promise<{ readonly app: FastifyInstance; readonly registry: MetricsRegistry }> {
  const clock = manualClock()
  const registry = new MetricsRegistry({ clock })
  const app = Fastify()
  await app.register(plimsoll, { clock, registry, admission: false, ...options })
  app.addHook('onRequest', async (_request, reply) => void reply.header('x-hook', 'late'))
  const cache = { ttl: '1m', scope: 'public' } as const
  const handler = async ({ url }: { readonly url: string }) => ({ url })
  app.get('/kept/:id', { config: { cache } }, handler)
  app.get('/counted/:id', { config: { cache, limit: { perMinute: 3 } } }, handler)
  app.get('/few', { config: { limit: { perMinute: 1 } } }, handler)
  app.get('/plain', handler)
  return { app, registry }
}

/** Over a connection, where answers take the short way. */
async function sent (port: number, { method, url, headers }: Asked): Promise<Got> {
  const request = ask({
    host: '127.0.0.1',
    port,
    method,
    path: url,
    headers: { host: 'shop.example', ...headers },
  })
  request.end()
  const [response] = await once(request, 'response')
  let body = ''
  for await (const chunk of response.setEncoding('latin1')) body += chunk
  return { status: response.statusCode, headers: response.headers, body }
}

/** Injected, where they take the long one. */
async function injected (app: FastifyInstance, { method, url, headers }: Asked): Promise<Got> {
  const answer = await app.inject({
    method: method as 'GET',
    url,
    headers: { host: 'shop.example', ...headers },
  })
  return { status: answer.statusCode, headers: answer.headers, body: answer.body }
}

/** Without what differs from request to request, or belongs to the connection. */
function comparable ({ status, headers, body }: Got): unknown {
  const { 'x-request-id': id, date, connection, 'keep-alive': keepAlive, ...rest } = headers
  assert.match(String(id), /^[\w-]+$/)
  assert.ok(date !== undefined && connection !== 'close' && keepAlive !== '')
  return { status, headers: rest, body: body.replace(/"(instance|request_id|trace_id)":"[^"]*"/g, '') }
}

/** What was counted, by family and labels; of durations, how many. */
function counted (registry: MetricsRegistry): ReadonlyMap<string, unknown> {
  const wanted = /^http_server|^plimsoll_(cache_requests|limit_decisions)/
  return new Map(
    registry.snapshot().families.filter(({ name }) => wanted.test(name)).map((family) => [
      family.name,
      [family.labelValues, 'values' in family ? family.values : undefined],
    ])
  )
}

test('the short way and the long one give the same answers and count the same', async () => {
  const etag = async ({ app }: { readonly app: FastifyInstance }) =>
    String((await app.inject({ url: '/kept/1', headers: { host: 'shop.example' } })).headers['etag'])
  const step = fc.record({
    method: fc.constantFrom('GET', 'GET', 'GET', 'HEAD'),
    url: fc.constantFrom(
      '/kept/1',
      '/kept/2',
      '/kept/1?a=1',
      '/counted/1',
      '/counted/2',
      '/few',
      '/plain',
      '/none'
    ),
    headers: fc.constantFrom<'none' | 'known' | 'unknown' | 'range' | 'credentials' | 'condition'>(
      'none',
      'none',
      'known',
      'unknown',
      'range',
      'credentials',
      'condition'
    ),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      const [short, long] = [await appOf(), await appOf()]
      await short.app.listen({ host: '127.0.0.1', port: 0 })
      try {
        const { port } = short.app.server.address() as AddressInfo
        const tag = await etag(short)
        assert.equal(await etag(long), tag)
        for (const { method, url, headers: kind } of steps) {
          const headers = {
            none: {},
            known: { 'if-none-match': tag },
            unknown: { 'if-none-match': '"other"' },
            range: { range: 'bytes=0-3' },
            credentials: { authorization: 'Basic x' },
            condition: { 'if-match': '"other"' },
          }[kind]
          const asked = { method, url, headers: headers as Record<string, string> }
          assert.deepEqual(comparable(await sent(port, asked)), comparable(await injected(long.app, asked)))
        }
        assert.deepEqual(counted(short.registry), counted(long.registry))
      } finally {
        await Promise.all([short.app.close(), long.app.close()])
      }
    }),
    { numRuns: 25 }
  )
})

test('what stood on the response before is sent once, and one that says close is heard', async () => {
  const app = Fastify()
  app.addHook('onRequest', async (_request, reply) => {
    reply.raw.setHeader('connection', 'close')
    reply.raw.setHeader('x-early', 'yes')
  })
  await app.register(plimsoll, { admission: false })
  app.get('/few', { config: { limit: { perMinute: 1 } } }, async () => 'ok')
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  for (const status of ['200', '429']) {
    const socket = connect(port, '127.0.0.1')
    socket.write('GET /few HTTP/1.1\r\nhost: x\r\n\r\n')
    let text = ''
    for await (const chunk of socket) text += String(chunk)
    assert.ok(text.startsWith(`HTTP/1.1 ${status} `))
    assert.deepEqual(text.match(/^(connection|x-early): .*$/gim)?.toSorted(), [
      'connection: close',
      'x-early: yes',
    ])
  }
  await app.close()
})

test('a request is recorded once, at once when its answer is out, and when a function of the app throws', async () => {
  const { app, registry } = await appOf({
    userOf: () => {
      throw new Error('who?')
    },
  })
  app.get('/mine', { config: { cache: { ttl: '1m', scope: 'user' } } }, async () => 'mine')
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const durations = (): readonly string[] =>
    registry.snapshot().families.find(({ name }) => name === 'http_server_request_duration_seconds')
      ?.labelValues ?? []
  const statuses: number[] = []
  for (const url of ['/few', '/few', '/mine'])
    statuses.push((await sent(port, { method: 'GET', url, headers: {} })).status)
  assert.deepEqual(statuses, [200, 429, 500])
  assert.deepEqual([...durations()], ['GET', '/few', '200', 'GET', '/few', '429', 'GET', '/mine', '500'])
  const active = registry.snapshot().families.find(({ name }) => name === 'http_server_active_requests')
  assert.deepEqual([...active?.values ?? []], [0])
  await app.close()
})

test('answers to requests that came in one piece are all recorded, in order', async () => {
  const { app, registry } = await appOf()
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const get = (url: string, more = ''): string => `GET ${url} HTTP/1.1\r\nhost: x\r\n${more}\r\n`
  const socket = connect(port, '127.0.0.1')
  socket.write(
    get('/plain') + get('/few') + get('/few') + get('/kept/1') + get('/kept/1', 'connection: close\r\n')
  )
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g)?.map((line) => line.slice(9)), [
    '200',
    '200',
    '429',
    '200',
    '200',
  ])
  const family = registry.snapshot().families.find(({ name }) => name === 'http_server_active_requests')
  assert.deepEqual([...family?.values ?? []], [0])
  await app.close()
})

test('nobody listens for the end of an answer that the system has taken', async () => {
  const { app, registry } = await appOf()
  const listeners: number[] = []
  app.server.on('request', (_request, response) => void listeners.push(response.listenerCount('close')))
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  for (let at = 0; at < 2; at++) await sent(port, { method: 'GET', url: '/few', headers: {} })
  // Fastify's own count is the same for both; the second was refused, and was over when this listener ran.
  assert.equal((listeners[0] ?? 0) - (listeners[1] ?? 0), 1)
  const active = registry.snapshot().families.find(({ name }) => name === 'http_server_active_requests')
  assert.deepEqual([...active?.values ?? []], [0])
  await app.close()
})

/** More than the buffers between two ends of a connection within one machine take. */
const largeBody = 32 * 1024 * 1024

for (const [what, body] of [['text', 'x'.repeat(largeBody)], ['bytes', 'ü'.repeat(largeBody / 2)]] as const) {
  test(`a kept answer to a client that reads slowly is recorded when it is out, or the client gone: ${what}`, async (t) => {
    const { app, registry } = await appOf({ cache: { memory: '256MiB', maxBody: '128MiB' } })
    t.after(() => {
      app.server.closeAllConnections()
      return app.close()
    })
    app.get('/large', { config: { cache: { ttl: '1m', scope: 'public' } } }, async () => body)
    const family = (name: string): FamilySnapshot | undefined =>
      registry.snapshot().families.find((family) => family.name === name)
    const active = (): unknown => [...family('http_server_active_requests')?.values ?? []]
    const recorded = (): unknown => [...family('http_server_request_duration_seconds')?.labelValues ?? []]
    await app.listen({ host: '127.0.0.1', port: 0 })
    const { port } = app.server.address() as AddressInfo
    const begin = async (): Promise<Socket> => {
      // Heard after the request path, which answers what is kept at once.
      const answered = once(app.server, 'request')
      const socket = connect(port, '127.0.0.1')
      socket.write('GET /large HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
      await answered
      return socket
    }
    assert.equal((await app.inject({ url: '/large', headers: { host: 'x' } })).statusCode, 200)
    assert.deepEqual(active(), [0])

    const slow = await begin()
    assert.deepEqual(active(), [1])
    let read = 0
    for await (const piece of slow) read += (piece as Buffer).length
    assert.ok(read > largeBody)
    while (String(active()) !== '0') await turn()
    assert.deepEqual(recorded(), ['GET', '/large', '200'])

    const leaving = await begin()
    assert.deepEqual(active(), [1])
    leaving.destroy()
    while (String(active()) !== '0') await turn()
    assert.deepEqual(recorded(), ['GET', '/large', '200', 'GET', '/large', '499'])
  })
}
