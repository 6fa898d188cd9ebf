import Fastify, { type FastifyInstance } from 'fastify'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { type ManualClock, manualClock, seededRandom } from '../../kernel/index.ts'
import { Admission } from '../../protect/admission/index.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import type { PipelineOptions } from './options.ts'
import { plimsoll } from './plugin.ts'

interface Setup {
  readonly app: FastifyInstance
  readonly clock: ManualClock
  readonly registry: MetricsRegistry
}

async function setup (options: PipelineOptions = {}): Promise<Setup> {
  const clock = manualClock()
  const app = Fastify()
  const registry = new MetricsRegistry({ clock })
  await app.register(plimsoll, { clock, registry, random: seededRandom(7), admission: false, ...options })
  return { app, clock, registry }
}

const refusesAll = (
  t: { mock: { method: typeof test.mock.method } },
  registry: MetricsRegistry
): Admission => {
  const admission = new Admission({ registry })
  t.mock.method(
    admission,
    'arrive',
    () => ({ reason: 'queue-full', lane: 'normal', retryAfterSeconds: 3 })
  )
  return admission
}

/** Lets what was started in the background come to its end. */
async function settled (isSo: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1_000 && !isSo(); turn++) await new Promise((resolve) => setImmediate(resolve))
  assert.ok(isSo(), 'it did not come to its end within 1,000 turns')
}

test('what is kept is served without the handler, with the headers of the first answer and its own ids', async () => {
  const { app } = await setup()
  let runs = 0
  app.get('/things/:id', { config: { cache: { ttl: '1m', scope: 'public' } } }, async (_request, reply) => {
    runs++
    return reply.header('x-flavour', 'plain').send({ runs })
  })
  const first = await app.inject('/things/1')
  const second = await app.inject('/things/1')
  assert.deepEqual([second.statusCode, second.json(), runs], [200, { runs: 1 }, 1])
  assert.equal(second.headers['x-flavour'], 'plain')
  assert.equal(second.headers['etag'], first.headers['etag'])
  assert.match(String(second.headers['etag']), /^"[^"]+"$/)
  assert.match(String(second.headers['cache-status']), /hit/)
  assert.match(String(second.headers['x-request-id']), /^[\w-]+$/)
  assert.notEqual(second.headers['x-request-id'], first.headers['x-request-id'])
  assert.deepEqual((await app.inject('/things/2')).json(), { runs: 2 })
})

test('304 costs no handler, and gives back what a limit took', async () => {
  const { app } = await setup()
  let runs = 0
  const config = { cache: { ttl: '1m', scope: 'public' }, limit: { perMinute: 2 } } as const
  app.get('/thing', { config }, async () => ({ runs: ++runs }))
  const { headers: { etag } } = await app.inject('/thing')
  for (let at = 0; at < 5; at++) {
    const unchanged = await app.inject({ url: '/thing', headers: { 'if-none-match': String(etag) } })
    assert.deepEqual([unchanged.statusCode, unchanged.body], [304, ''])
  }
  assert.deepEqual([runs, (await app.inject('/thing')).statusCode], [1, 200])
  assert.equal((await app.inject('/thing')).statusCode, 429)
})

test('HEAD is answered from what GET has kept, and keeps nothing itself', async () => {
  const { app } = await setup()
  let runs = 0
  app.get('/thing', { config: { cache: { ttl: '1m', scope: 'public' } } }, async () => ({ runs: ++runs }))
  await app.inject({ method: 'HEAD', url: '/thing' })
  const kept = await app.inject('/thing')
  const before = runs
  const head = await app.inject({ method: 'HEAD', url: '/thing' })
  assert.deepEqual([head.statusCode, head.body, head.headers['etag']], [200, '', kept.headers['etag']])
  assert.equal(head.headers['content-length'], String(Buffer.byteLength(kept.body)))
  assert.equal(runs, before)
  assert.notEqual(kept.body, '')
})

test('a stale answer is served at once and made anew behind it, without costing its caller a limit', async () => {
  const { app, clock, registry } = await setup()
  let runs = 0
  const config = {
    cache: { ttl: '10s', staleWhileRevalidate: '1m', scope: 'public' },
    limit: { perMinute: 100, burst: 3 },
  } as const
  const criticalities: string[] = []
  app.get('/thing', { config }, async (request) => {
    criticalities.push(request.context.criticality)
    return { runs: ++runs }
  })
  await app.inject('/thing')
  clock.advance(11_000)
  const stale = await app.inject('/thing')
  assert.deepEqual(stale.json(), { runs: 1 })
  await settled(() => runs === 2)
  await settled(() => criticalities.length === 2)
  const fresh = await app.inject('/thing')
  assert.deepEqual(fresh.json(), { runs: 2 })
  assert.deepEqual(criticalities, ['normal', 'background'])
  const snapshot = registry.snapshot()
  const durations = snapshot.families.find(({ name }) => name === 'http_server_request_duration_seconds')
  assert.ok(durations !== undefined)
})

test('of many that ask for the same, one runs and all get its answer', async () => {
  const { app } = await setup()
  let runs = 0
  const { promise, resolve } = Promise.withResolvers<void>()
  app.get('/thing', { config: { cache: { ttl: '1m', scope: 'public' } } }, async () => {
    runs++
    await promise
    return { runs }
  })
  await app.ready()
  const asking = Array.from({ length: 50 }, () => app.inject('/thing'))
  await settled(() => runs === 1)
  resolve()
  const answers = await Promise.all(asking)
  assert.deepEqual(new Set(answers.map(({ body }) => body)), new Set(['{"runs":1}']))
  assert.equal(runs, 1)
})

test('who waits for the answer of another is told so at his deadline', async () => {
  const { app, clock } = await setup()
  const { promise, resolve } = Promise.withResolvers<object>()
  let runs = 0
  const config = { cache: { ttl: '1m', scope: 'public' }, deadline: '1s' } as const
  app.get('/thing', { config }, () => {
    runs++
    return promise
  })
  await app.ready()
  const leading = app.inject('/thing')
  await settled(() => runs === 1)
  const following = app.inject('/thing')
  for (let turn = 0; turn < 20; turn++) await new Promise((next) => setImmediate(next))
  clock.advance(1_500)
  const [led, followed] = await Promise.all([leading, following])
  assert.deepEqual([led.statusCode, followed.statusCode], [504, 504])
  assert.equal(followed.json().code, 'DEADLINE_EXCEEDED')
  resolve({})
})

test('an overloaded service serves what it has kept, and an older answer where it may', async (t) => {
  const registry = new MetricsRegistry()
  const admission = refusesAll(t, registry)
  const { app, clock } = await setup({ admission, registry })
  const arrive = admission.arrive.bind(admission)
  let calm = true
  t.mock.method(admission, 'arrive', (unit: never) => calm ? 'run' : arrive(unit))
  app.get('/kept', { config: { cache: { ttl: '1m', scope: 'public' } } }, async () => ({ kept: true }))
  const config = { cache: { ttl: '1s', staleIfError: '1m', scope: 'public' } } as const
  app.get('/older', { config }, async () => ({ older: true }))
  await app.inject('/kept')
  await app.inject('/older')
  calm = false
  clock.advance(2_000)
  assert.equal((await app.inject('/kept')).statusCode, 200)
  const older = await app.inject('/older')
  assert.deepEqual([older.statusCode, older.json()], [200, { older: true }])
  assert.equal((await app.inject('/kept?another=1')).statusCode, 503)
})

test('a route that fails is answered with what was kept before, for as long as it says', async () => {
  const { app, clock } = await setup()
  let broken = false
  const config = { cache: { ttl: '1s', staleIfError: '10s', scope: 'public' } } as const
  app.get('/thing', { config }, async () => {
    if (broken) throw new Error('down')
    return { fine: true }
  })
  await app.inject('/thing')
  broken = true
  clock.advance(2_000)
  const older = await app.inject('/thing')
  assert.deepEqual([older.statusCode, older.json()], [200, { fine: true }])
  clock.advance(20_000)
  assert.equal((await app.inject('/thing')).statusCode, 500)
})

test('a write purges what it changed before its client hears of it', async () => {
  const { app } = await setup()
  let stock = 5
  app.get('/things/:id', { config: { cache: { ttl: '1h', scope: 'public' } } }, async () => ({ stock }))
  app.put('/things/:id', async () => ({ stock: --stock }))
  app.post('/things', async (_request, reply) => reply.code(201).header('location', '/things/2').send({}))
  await app.inject('/things/1')
  await app.inject('/things/2')
  await app.inject({ method: 'PUT', url: '/things/1' })
  assert.deepEqual((await app.inject('/things/1')).json(), { stock: 4 })
  assert.deepEqual((await app.inject('/things/2')).json(), { stock: 5 })
  await app.inject({ method: 'POST', url: '/things' })
  assert.deepEqual((await app.inject('/things/2')).json(), { stock: 4 })
})

test('a purge by tag, soft or hard, reaches the route', async () => {
  const { app } = await setup()
  let runs = 0
  const config = {
    cache: { ttl: '1h', staleWhileRevalidate: '1h', scope: 'public', tags: ['thing:{id}'] },
  } as const
  app.get('/things/:id', { config }, async () => ({ runs: ++runs }))
  await app.inject('/things/1')
  await app.cache.purge(['thing:1'], { soft: false })
  assert.deepEqual((await app.inject('/things/1')).json(), { runs: 2 })
  await app.cache.purge(['thing:1'])
  assert.deepEqual((await app.inject('/things/1')).json(), { runs: 2 })
  await settled(() => runs === 3)
  await app.cache.purge(['thing:9'], { soft: false })
  assert.deepEqual((await app.inject('/things/1')).json(), { runs: 3 })
})

test('nobody gets what was made for another tenant, user or credential', async () => {
  const { app } = await setup({
    tenantOf: ({ headers }) => headers['x-tenant'] as string | undefined,
    userOf: ({ headers }) => headers['x-user'] as string | undefined,
  })
  const whose = async ({ headers }: { headers: Record<string, unknown> }): Promise<object> => ({
    tenant: headers['x-tenant'],
    user: headers['x-user'],
    credentials: headers['authorization'],
  })
  app.get('/tenant', { config: { cache: { ttl: '1h', scope: 'tenant' } } }, whose)
  app.get('/user', { config: { cache: { ttl: '1h', scope: 'user' } } }, whose)
  app.get('/public', { config: { cache: { ttl: '1h', scope: 'public' } } }, whose)
  for (
    const [url, headers] of [
      ['/tenant', { 'x-tenant': 'a' }],
      ['/tenant', { 'x-tenant': 'b' }],
      ['/tenant', {}],
      ['/user', { 'x-tenant': 'a', 'x-user': '1' }],
      ['/user', { 'x-tenant': 'b', 'x-user': '1' }],
      ['/public', { authorization: 'Bearer a' }],
      ['/public', { authorization: 'Bearer b' }],
      ['/public', {}],
    ] as const
  ) {
    for (let at = 0; at < 2; at++) {
      const answer = await app.inject({ url, headers })
      const { 'x-tenant': tenant, 'x-user': user, authorization: credentials } = headers as Record<
        string,
        string
      >
      assert.deepEqual(answer.json(), JSON.parse(JSON.stringify({ tenant, user, credentials })), url)
    }
  }
})

test('a policy that could leak stops the boot, naming the route and the setting', async () => {
  const { app } = await setup()
  const declare = (cache: object) => () =>
    void app.get('/x', { config: { cache: cache as never } }, async () => ({}))
  assert.throws(declare({ ttl: '1m', scope: 'user' }), {
    code: 'SETTING_INVALID',
    message: /^GET \/x config\.cache\.scope must be 'user' only where the service knows/,
  })
  assert.throws(declare({ ttl: '1m' }), { code: 'SETTING_INVALID' })
  assert.throws(declare({ ttl: 'soon', scope: 'public' }), { code: 'SETTING_INVALID' })
})

test('one policy writes what browsers and CDNs may do, on the first answer as on those from the cache', async () => {
  const { app } = await setup()
  const config = {
    cache: { ttl: '30s', staleWhileRevalidate: '5m', scope: 'public', tags: ['thing:{id}'] },
  } as const
  app.get('/things/:id', { config }, async () => ({}))
  for (const { headers } of [await app.inject('/things/1'), await app.inject('/things/1')]) {
    assert.equal(headers['cache-control'], 'public, no-cache')
    assert.equal(headers['cdn-cache-control'], 'max-age=30, stale-while-revalidate=300')
    assert.equal(headers['surrogate-key'], 'thing:1')
  }
})

test('an answer that is not kept is told to CDNs as such', async () => {
  const { app } = await setup()
  app.get(
    '/own',
    { config: { cache: { ttl: '30s', scope: 'public' } } },
    async (_request, reply) => reply.header('set-cookie', 'a=1').send({})
  )
  const { headers } = await app.inject('/own')
  assert.deepEqual([headers['cache-control'], headers['cdn-cache-control']], [
    'private, no-cache',
    'no-store',
  ])
})

test('warming fills the cache before the first client asks', async () => {
  const { app } = await setup()
  let runs = 0
  app.get(
    '/things/:id',
    { config: { cache: { ttl: '1m', scope: 'public' } } },
    async () => ({ runs: ++runs })
  )
  app.get('/missing', async (_request, reply) => reply.code(404).send({}))
  assert.equal(await app.cache.warm(['/things/1', '/things/2', '/missing']), 2)
  assert.equal((await app.inject('/things/1')).json().runs <= 2, true)
  assert.equal(runs, 2)
})

test('over a connection, a hit is one complete answer and the next request follows on it', async (t) => {
  const { app } = await setup()
  t.after(() => app.close())
  app.get('/thing', { config: { cache: { ttl: '1m', scope: 'public' } } }, async () => ({ ü: 'ß' }))
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const { connect } = await import('node:net')
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  let text = ''
  socket.on('data', (bytes) => text += bytes)
  const ask = 'GET /thing HTTP/1.1\r\nHost: a\r\n\r\n'
  socket.write(ask)
  while (!text.includes('ß')) await once(socket, 'data')
  socket.write(ask + ask)
  while (text.split('{"ü":"ß"}').length < 4) await once(socket, 'data')
  assert.equal(text.split('HTTP/1.1 200').length, 4)
})

test('over a connection, each hit tells its own request id and its own limit, once', async (t) => {
  const { app } = await setup()
  t.after(() => app.close())
  const config = { cache: { ttl: '1m', scope: 'public' }, limit: { perMinute: 9 } } as const
  app.get('/thing', { config }, async () => ({ fine: true }))
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const told: string[][] = []
  for (let at = 0; at < 3; at++) {
    const { headers } = await fetch(`http://127.0.0.1:${port}/thing`)
    told.push([headers.get('x-request-id') ?? '', headers.get('ratelimit') ?? ''])
  }
  assert.equal(new Set(told.map(([id]) => id)).size, 3)
  // A header that was kept and one of its own would be joined with a comma.
  assert.deepEqual(told.map(([, limit]) => /;r=(\d);/.exec(String(limit))?.[1]), ['8', '7', '6'])
  assert.ok(told.every(([id, limit]) => id !== '' && !limit!.includes(',')))
})

test('what a client may see is not kept: the token of the one who made the answer is his alone', async () => {
  const seen: string[] = []
  const { app } = await setup({
    reads: {
      withConsistency: (token) => void seen.push(String(token)),
      consistencyToken: async () => 'token-of-the-maker',
      wrote: () => {},
    },
  })
  app.get('/thing', { config: { cache: { ttl: '1m', scope: 'public' } } }, async () => ({ fine: true }))
  const first = await app.inject({ url: '/thing', headers: { 'plimsoll-consistency': 'before' } })
  assert.equal(first.headers['plimsoll-consistency'], 'token-of-the-maker')
  assert.deepEqual(seen, ['before'])
  const hit = await app.inject('/thing')
  assert.match(String(hit.headers['cache-status']), /hit/)
  assert.equal(hit.headers['plimsoll-consistency'], undefined)
})

test('a request that the cache passes over is told so', async () => {
  const { app } = await setup()
  let runs = 0
  app.get('/thing', { config: { cache: { ttl: '1m', scope: 'public' } } }, async () => ({ runs: ++runs }))
  await app.inject('/thing')
  const passed = await app.inject({ url: '/thing', headers: { authorization: 'Bearer x' } })
  assert.equal(passed.json().runs, 2)
  assert.match(String(passed.headers['cache-status']), /^plimsoll; fwd=/)
})

test('when the client of the one that makes an answer has left, the next one makes it at once', async (t) => {
  const { app, clock } = await setup()
  t.after(() => app.close())
  let runs = 0
  app.get('/thing', { config: { cache: { ttl: '1m', scope: 'public' } } }, async () => {
    if (++runs === 1) await new Promise(() => {})
    return { runs }
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const leaving = new AbortController()
  const gone = fetch(`http://127.0.0.1:${port}/thing`, { signal: leaving.signal }).catch(() => 'gone')
  await settled(() => runs === 1).catch(() => settled(() => runs === 1))
  leaving.abort()
  assert.equal(await gone, 'gone')
  // No clock moves here: a lease that had to run out would never do so.
  assert.deepEqual(await (await fetch(`http://127.0.0.1:${port}/thing`)).json(), { runs: 2 })
  assert.equal(clock.now(), manualClock().now())
})

test('what is made behind a stale answer is none of the active requests', async () => {
  const { app, clock, registry } = await setup()
  let runs = 0
  const config = { cache: { ttl: '10s', staleWhileRevalidate: '1m', scope: 'public' } } as const
  app.get('/thing', { config }, async () => ({ runs: ++runs }))
  await app.inject('/thing')
  clock.advance(11_000)
  await app.inject('/thing')
  await settled(() => runs === 2)
  await app.inject('/thing')
  const active = registry.snapshot().families.find(({ name }) => name === 'http_server_active_requests')
  assert.deepEqual([...active?.values ?? []], [0])
})

test('a route that does not compress keeps no compressed form', async () => {
  const { app } = await setup()
  const config = { cache: { ttl: '1m', scope: 'public' }, payload: { compress: false } } as const
  app.get('/thing', { config }, async () => ({ text: 'a'.repeat(4_000) }))
  for (let at = 0; at < 3; at++) {
    const { headers } = await app.inject({ url: '/thing', headers: { 'accept-encoding': 'gzip' } })
    assert.equal(headers['content-encoding'], undefined)
  }
})

test('when the one that would make an answer is refused, one of those who wait makes it for the rest', async (t) => {
  const registry = new MetricsRegistry()
  const admission = new Admission({ registry })
  let asked = 0
  t.mock.method(
    admission,
    'arrive',
    () => asked++ === 0 ? { reason: 'queue-full', lane: 'normal', retryAfterSeconds: 3 } : 'run'
  )
  t.mock.method(admission, 'finished', () => {})
  const { app } = await setup({ admission, registry })
  let runs = 0
  app.get('/thing', { config: { cache: { ttl: '1m', scope: 'public' } } }, async () => {
    await new Promise((resolve) => setImmediate(resolve))
    return { runs: ++runs }
  })
  await app.ready()
  const answers = await Promise.all(Array.from({ length: 10 }, () => app.inject('/thing')))
  assert.deepEqual(answers.map(({ statusCode }) => statusCode).toSorted(), [...Array(9).fill(200), 503])
  assert.deepEqual([runs, asked], [1, 2])
})

test('a handler is asked for the whole answer, whatever part of it its client wants', async () => {
  const { app } = await setup()
  const seen: unknown[] = []
  app.get('/thing', { config: { cache: { ttl: '1m', scope: 'public' } } }, async (request, reply) => {
    seen.push(request.headers['if-none-match'], request.headers['range'])
    return reply.header('etag', '"one"').send('0123456789')
  })
  const unchanged = await app.inject({ url: '/thing', headers: { 'if-none-match': '"one"' } })
  assert.deepEqual([unchanged.statusCode, unchanged.body], [304, ''])
  const part = await app.inject({ url: '/thing', headers: { range: 'bytes=2-4' } })
  assert.deepEqual([part.statusCode, part.body], [206, '234'])
  assert.deepEqual(seen, [undefined, undefined])
})

test('a route that is too late is answered with what was kept before', async () => {
  const { app, clock } = await setup()
  let slow = false
  const config = { cache: { ttl: '1s', staleIfError: '1m', scope: 'public' }, deadline: '1s' } as const
  app.get('/thing', { config }, async () => slow ? new Promise(() => {}) : { fine: true })
  await app.inject('/thing')
  slow = true
  clock.advance(2_000)
  const asking = app.inject('/thing')
  for (let turn = 0; turn < 20; turn++) await new Promise((next) => setImmediate(next))
  clock.advance(1_500)
  const older = await asking
  assert.deepEqual([older.statusCode, older.json()], [200, { fine: true }])
})

test('over HTTP/2, a hit and a refusal are whole answers, too', async (t) => {
  const clock = manualClock()
  const app = Fastify({ http2: true }) as unknown as FastifyInstance
  t.after(() => app.close())
  await app.register(plimsoll, { clock, admission: false })
  let runs = 0
  const config = { cache: { ttl: '1m', scope: 'public' }, limit: { perMinute: 3, name: 'few' } } as const
  app.get('/thing', { config }, async () => ({ runs: ++runs }))
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const { connect } = await import('node:http2')
  const session = connect(`http://127.0.0.1:${port}`)
  t.after(() => session.close())
  const ask = async (): Promise<{ status: unknown; headers: Record<string, unknown>; body: string }> => {
    const stream = session.request({ ':path': '/thing' })
    const [headers] = await once(stream, 'response') as [Record<string, unknown>]
    let body = ''
    for await (const chunk of stream) body += String(chunk)
    return { status: headers[':status'], headers, body }
  }
  await ask()
  const hit = await ask()
  assert.deepEqual([hit.status, hit.body, runs], [200, '{"runs":1}', 1])
  assert.match(String(hit.headers['cache-status']), /hit/)
  assert.equal(hit.headers['ratelimit-policy'], '"few";q=3;w=60')
  await ask()
  const refused = await ask()
  assert.deepEqual([refused.status, JSON.parse(refused.body).code], [429, 'LIMIT_EXCEEDED'])
  assert.match(String(refused.headers['retry-after']), /^\d+$/)
})
