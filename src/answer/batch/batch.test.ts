import Fastify, { type FastifyInstance, type LightMyRequestResponse } from 'fastify'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { test, type TestContext } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import {
  type Context,
  Deadline,
  manualClock,
  newTrace,
  Problem,
  problemMediaType,
  runWithContext,
  seededRandom,
} from '../../kernel/index.ts'
import { batch, batchMembershipOf, type BatchOptions } from './index.ts'

interface Result {
  readonly id: string
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly encoding?: string
}

function batchApp (t: TestContext, options: BatchOptions = {}): FastifyInstance {
  const app = Fastify({ trustProxy: true })
  t.after(() => app.close())
  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    const document = error instanceof Problem ? error.toDocument() : { code: error.message }
    return reply.code(error.statusCode ?? 500).type(problemMediaType).serializer(JSON.stringify).send(
      document
    )
  })
  void app.register(batch, options)
  return app
}

function post (
  app: FastifyInstance,
  requests: readonly unknown[],
  headers: Record<string, string> = {},
  url = '/batch'
): Promise<LightMyRequestResponse> {
  return app.inject({ method: 'POST', url, headers, payload: { requests } })
}

async function resultsOf (app: FastifyInstance, requests: readonly unknown[]): Promise<readonly Result[]> {
  const answer = await post(app, requests)
  assert.equal(answer.statusCode, 200, answer.body)
  return answer.json().responses
}

function contextWith (deadline: Deadline): Context {
  return {
    id: 'whole',
    trace: newTrace(true, seededRandom(1)),
    tenant: undefined,
    criticality: 'sheddable',
    deadline,
    signal: new AbortController().signal,
  }
}

function codeOf (result: Pick<Result, 'body'> | undefined): unknown {
  return (result?.body as { readonly code?: unknown } | undefined)?.code
}

const get = (id: string, path: string, more: object = {}): object => ({ id, method: 'GET', path, ...more })

test('each part has its own status, headers and body, in the order of the requests', async (t) => {
  const app = batchApp(t)
  app.get('/things/:id', async (request, reply) => {
    const { id } = request.params as { id: string }
    if (id === '2') throw new Problem({ code: 'NO_SUCH_THING', status: 404, title: 'There is no such thing' })
    return reply.header('etag', `"${id}"`).header('set-cookie', 'a=b').header('x-own', '1').send({
      id,
      query: request.query,
    })
  })
  app.post('/things', async (request, reply) => reply.code(201).send({ got: request.body }))
  const [first, second, third] = await resultsOf(app, [
    get('a', '/things/1?x=y'),
    get('b', '/things/2'),
    { id: 'c', method: 'POST', path: '/things', body: { name: 'n' } },
  ])
  assert.equal(first?.status, 200)
  assert.deepEqual(first?.body, { id: '1', query: { x: 'y' } })
  assert.deepEqual(first?.headers, { 'content-type': 'application/json; charset=utf-8', etag: '"1"' })
  assert.equal(second?.status, 404)
  assert.equal(codeOf(second), 'NO_SUCH_THING')
  assert.equal(third?.status, 201)
  assert.deepEqual(third?.body, { got: { name: 'n' } })
})

test('bodies: JSON as it is, text as text, anything else as base64, none for none', async (t) => {
  const app = batchApp(t)
  app.get('/pretty', (_request, reply) => reply.type('application/json').send('{\n  "a": 1\n}'))
  app.get('/wrong', (_request, reply) => reply.type('application/json').send('{"a":'))
  app.get('/text', (_request, reply) => reply.type('text/csv').send('a\n"b"'))
  app.get('/bytes', (_request, reply) => reply.type('image/png').send(Buffer.from([1, 2, 255])))
  app.get('/none', (_request, reply) => reply.code(204).send())
  app.get('/stream', (_request, reply) => reply.type('text/plain').send(Readable.from(['a', 'b'])))
  const results = await resultsOf(
    app,
    ['pretty', 'wrong', 'text', 'bytes', 'none', 'stream'].map((id) => get(id, `/${id}`))
  )
  assert.deepEqual(results.map(({ body, encoding }) => [body, encoding]), [
    [{ a: 1 }, undefined],
    ['{"a":', undefined],
    ['a\n"b"', undefined],
    ['AQL/', 'base64'],
    [undefined, undefined],
    ['ab', undefined],
  ])
  const lines = await post(app, [get('a', '/pretty')], { accept: 'application/x-ndjson' })
  assert.equal(lines.body.split('\n').length, 2)
  assert.equal(lines.headers['vary'], 'accept')
})

test('identical GETs run once; other parts are never merged', async (t) => {
  const app = batchApp(t)
  let gets = 0
  let posts = 0
  app.get('/count', () => ({ gets: ++gets }))
  app.post('/count', () => ({ posts: ++posts }))
  const results = await resultsOf(app, [
    get('a', '/count?x=1'),
    get('b', '/count?x=1'),
    get('c', '/count?x=2'),
    get('d', '/count?x=1', { headers: { 'accept-language': 'de' } }),
    { id: 'e', method: 'POST', path: '/count', body: {} },
    { id: 'f', method: 'POST', path: '/count', body: {} },
    get('g', '/count?x=1', { dependsOn: ['e'] }),
  ])
  assert.equal(gets, 4)
  assert.equal(posts, 2)
  assert.deepEqual(results[0]?.body, results[1]?.body)
  assert.equal(results.length, 7)
})

test('no more parts run at once than may', async (t) => {
  const app = batchApp(t, { parallelism: 3 })
  let running = 0
  let most = 0
  app.get('/:id', async () => {
    most = Math.max(most, ++running)
    for (let turn = 0; turn < 5; turn++) await setImmediate()
    running--
    return {}
  })
  await resultsOf(app, Array.from({ length: 12 }, (_, id) => get(String(id), `/${id}`)))
  assert.equal(most, 3)
})

test('a part runs after those it depends on, and not at all when one of them fails', async (t) => {
  const app = batchApp(t)
  const order: string[] = []
  app.get('/:id', async (request, reply) => {
    const { id } = request.params as { id: string }
    await setImmediate()
    order.push(id)
    return id === 'bad' ? reply.code(409).send({}) : {}
  })
  const results = await resultsOf(app, [
    get('last', '/last', { dependsOn: ['first', 'second'] }),
    get('first', '/first', { dependsOn: ['second'] }),
    get('second', '/second'),
    get('bad', '/bad'),
    get('after-bad', '/never', { dependsOn: ['bad'] }),
    get('after-that', '/never-too', { dependsOn: ['after-bad', 'second'] }),
  ])
  assert.deepEqual(order.filter((id) => id !== 'bad'), ['second', 'first', 'last'])
  assert.deepEqual(results.map(({ status }) => status), [200, 200, 200, 409, 424, 424])
  assert.equal(codeOf(results[4]), 'BATCH_DEPENDENCY_FAILED')
})

test('a part has the address, the credentials and the proxies of its batch, and nothing of its body or form', async (t) => {
  const app = batchApp(t)
  app.post('/echo', (request) => ({
    headers: request.headers,
    ip: request.ip,
    peer: request.raw.socket.remoteAddress,
  }))
  const answer = await app.inject({
    method: 'POST',
    url: '/batch',
    remoteAddress: '192.0.2.7',
    headers: {
      authorization: 'Bearer secret',
      cookie: 'session=1',
      'x-api-key': 'key',
      'x-forwarded-for': '203.0.113.9',
      'idempotency-key': 'of-the-batch',
      'accept-encoding': 'gzip',
      'if-none-match': '"x"',
      'x-listed': 'hop',
      connection: 'close, x-listed',
      'plimsoll-timeout-ms': '999999',
      signature: 'sig=:AA==:',
      'content-digest': 'sha-256=:AA==:',
    },
    payload: {
      requests: [{
        id: 'a',
        method: 'POST',
        path: '/echo',
        body: { a: 1 },
        headers: { 'Idempotency-Key': 'own' },
      }],
    },
  })
  const { headers, ip, peer } = answer.json().responses[0].body
  assert.equal(peer, '192.0.2.7')
  assert.equal(ip, '203.0.113.9')
  assert.equal(headers.authorization, 'Bearer secret')
  assert.equal(headers.cookie, 'session=1')
  assert.equal(headers['x-api-key'], 'key')
  assert.equal(headers['idempotency-key'], 'own')
  assert.equal(headers['content-type'], 'application/json')
  assert.equal(headers['content-length'], '7')
  for (
    const name of [
      'accept-encoding',
      'if-none-match',
      'connection',
      'x-listed',
      'signature',
      'content-digest',
    ]
  ) {
    assert.equal(headers[name], undefined, name)
  }
  assert.ok(Number(headers['plimsoll-timeout-ms']) <= 10_000)
})

test('a part is told what the batch has left, its criticality, its trace and its id', async (t) => {
  const app = batchApp(t)
  const deadline = Deadline.in(5_000)
  const whole = contextWith(deadline)
  app.addHook('onRequest', (_request, _reply, done) => runWithContext(whole, done))
  let membership: ReturnType<typeof batchMembershipOf>
  app.get('/echo', (request) => {
    membership = batchMembershipOf(request.raw)
    return request.headers
  })
  const [result] = await resultsOf(app, [get('a', '/echo')])
  const headers = result?.body as Record<string, string>
  assert.equal(headers['plimsoll-criticality'], 'sheddable')
  assert.equal(headers['x-request-id'], 'whole.1')
  assert.ok(headers['traceparent']?.includes(whole.trace.traceId))
  assert.equal(membership?.whole, whole)
  assert.ok((membership?.deadline.atMs ?? Infinity) < deadline.atMs)
  assert.ok(Number(headers['plimsoll-timeout-ms']) <= 4_900)
})

test('parts that are late get 504, and those that were in time their own answer', async (t) => {
  const app = batchApp(t, { parallelism: 2 })
  const clock = manualClock()
  const whole = contextWith(Deadline.in(1_000, clock))
  app.addHook('onRequest', (_request, _reply, done) => runWithContext(whole, done))
  let started = 0
  let left = 0
  app.get('/fast', () => ({ fast: true }))
  app.get('/slow', (_request, reply) => {
    reply.raw.once('close', () => left++)
    if (++started === 2) clock.advance(950)
    return new Promise(() => {})
  })
  app.get('/after', () => ({ after: true }))
  const results = await resultsOf(app, [
    get('fast', '/fast'),
    get('slow', '/slow?1'),
    get('slow-too', '/slow?2'),
    get('after', '/after'),
  ])
  assert.deepEqual(results.map(({ status }) => status), [200, 504, 504, 504])
  assert.equal(codeOf(results[1]), 'DEADLINE_EXCEEDED')
  await setImmediate()
  assert.equal(left, 2)
})

test('a batch in a batch is refused, however its path is written', async (t) => {
  const app = batchApp(t)
  const inner = { requests: [get('x', '/none')] }
  const results = await resultsOf(
    app,
    ['/batch', '/b%61tch', '/batch?x=1'].map((path, at) => ({
      id: String(at),
      method: 'POST',
      path,
      body: inner,
    }))
  )
  for (const { status, body } of results) {
    assert.equal(status, 400)
    assert.equal(codeOf({ body }), 'BATCH_NESTED')
  }
})

const wrong: readonly (readonly [claim: string, document: unknown, detail: RegExp])[] = [
  ['no object', [], /`requests`/],
  ['no parts', { requests: [] }, /at least one/],
  ['a part that is no object', { requests: [1] }, /requests\[0\] must be an object/],
  ['a misspelt member', { requests: [get('a', '/', { dependson: [] })] }, /"dependson"/],
  ['an id that is no text', { requests: [get(1 as never, '/')] }, /\.id/],
  ['two parts of one id', { requests: [get('a', '/'), get('a', '/x')] }, /Two parts/],
  ['a method in lower case', { requests: [{ id: 'a', method: 'get', path: '/' }] }, /method/],
  ['CONNECT', { requests: [{ id: 'a', method: 'CONNECT', path: '/' }] }, /method/],
  ['a GET with a body', { requests: [get('a', '/', { body: {} })] }, /no body/],
  [
    'a header of the connection',
    { requests: [get('a', '/', { headers: { connection: 'close' } })] },
    /among/,
  ],
  ['a credential', { requests: [get('a', '/', { headers: { authorization: 'x' } })] }, /among/],
  ['what a proxy says', { requests: [get('a', '/', { headers: { 'x-forwarded-for': '::1' } })] }, /among/],
  [
    'a line break in a header',
    { requests: [get('a', '/', { headers: { prefer: 'a\r\nb: c' } })] },
    /printable/,
  ],
  ['a header twice', { requests: [get('a', '/', { headers: { prefer: 'a', Prefer: 'b' } })] }, /twice/],
  ['a stranger to depend on', { requests: [get('a', '/', { dependsOn: ['b'] })] }, /"b"/],
  [
    'a circle',
    { requests: [get('a', '/1', { dependsOn: ['b'] }), get('b', '/2', { dependsOn: ['a'] })] },
    /waits for itself/,
  ],
  ['a part that waits for itself', { requests: [get('a', '/', { dependsOn: ['a'] })] }, /waits for itself/],
]

for (const [claim, document, detail] of wrong) {
  test(`${claim} gets 400 with the reason, and nothing runs`, async (t) => {
    const app = batchApp(t)
    let runs = 0
    app.get('/*', () => ({ runs: ++runs }))
    const answer = await app.inject({ method: 'POST', url: '/batch', payload: document as object })
    assert.equal(answer.statusCode, 400, answer.body)
    assert.equal(answer.json().code, 'BATCH_MALFORMED')
    assert.match(answer.json().detail, detail)
    assert.equal(runs, 0)
  })
}

test('too many parts, too much cost and too long a body get 413', async (t) => {
  const app = batchApp(t, {
    maxParts: 3,
    maxCost: 5,
    cost: ({ path }) => path === '/dear' ? 4 : 1,
    bodyLimit: 1_000,
  })
  app.get('/*', () => ({}))
  const many = await post(app, ['a', 'b', 'c', 'd'].map((id) => get(id, '/')))
  assert.equal(many.statusCode, 413)
  assert.match(many.json().detail, /3 parts; this one has 4/)
  const dear = await post(app, [get('a', '/dear'), get('b', '/dear')])
  assert.equal(dear.statusCode, 413)
  assert.match(dear.json().detail, /cost 5 together; these cost 8/)
  const long = await post(app, [{ id: 'a', method: 'POST', path: '/', body: 'x'.repeat(1_000) }])
  assert.equal(long.statusCode, 413)
  assert.equal((await post(app, [get('a', '/dear'), get('b', '/')])).statusCode, 200)
})

test('answers that are too large together are left out, and the others are told', async (t) => {
  const app = batchApp(t, { maxAnswer: 1_000, parallelism: 1 })
  app.get('/:bytes', (request, reply) => {
    const { bytes } = request.params as { bytes: string }
    return reply.type('text/plain').send('x'.repeat(Number(bytes)))
  })
  const results = await resultsOf(app, [get('a', '/600'), get('b', '/500'), get('c', '/400')])
  assert.deepEqual(results.map(({ status }) => status), [200, 422, 200])
})

test('an endless answer is given up where there is no more room for it', async (t) => {
  const app = batchApp(t, { maxAnswer: 100_000 })
  let source: Readable | undefined
  app.get('/endless', (_request, reply) => {
    source = new Readable({
      read () {
        this.push(Buffer.alloc(16_384, 'x'))
      },
    })
    return reply.type('text/plain').send(source)
  })
  const [result] = await resultsOf(app, [get('a', '/endless')])
  assert.equal(result?.status, 422)
  await waitUntil('the answer is given up', () => source?.destroyed === true)
})

test('an answer that breaks off is no answer', async (t) => {
  const app = batchApp(t)
  app.get('/broken', (_request, reply) => {
    async function* rows (): AsyncGenerator<string> {
      yield 'first'
      await setImmediate()
      throw new Error('the statement failed')
    }
    return reply.type('text/plain').send(Readable.from(rows()))
  })
  const [result] = await resultsOf(app, [get('a', '/broken')])
  assert.equal(result?.status, 502)
  assert.equal(codeOf(result), 'BATCH_PART_BROKEN')
})

test('as NDJSON, parts come as they are ready', async (t) => {
  const app = batchApp(t)
  const { promise, resolve } = Promise.withResolvers<object>()
  app.get('/slow', () => promise)
  app.get('/fast', () => ({ fast: true }))
  await app.listen({ port: 0, host: '127.0.0.1' })
  const response = await open(app, [get('slow', '/slow'), get('fast', '/fast'), get('same', '/fast')])
  assert.equal(response.headers['content-type'], 'application/x-ndjson')
  let text = ''
  for await (const chunk of response) {
    text += String(chunk)
    if (text.split('\n').length === 3) resolve({ slow: true })
  }
  const lines = text.trim().split('\n').map((line) => JSON.parse(line) as Result)
  assert.deepEqual(lines.map(({ id }) => id), ['fast', 'same', 'slow'])
  assert.deepEqual(lines[2]?.body, { slow: true })
})

test('a client that leaves a stream ends the parts that run, and starts no more', async (t) => {
  const app = batchApp(t, { parallelism: 2, deadline: '1h' })
  let started = 0
  let left = 0
  app.get('/fast', () => ({ fast: true }))
  app.get('/slow/:id', (_request, reply) => {
    started++
    reply.raw.once('close', () => left++)
    return new Promise(() => {})
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const slow = Array.from({ length: 5 }, (_, id) => get(`s${id}`, `/slow/${id}`))
  const response = await open(app, [get('fast', '/fast'), ...slow])
  await once(response, 'data')
  await waitUntil('two parts run', () => started === 2)
  response.destroy()
  await waitUntil('both have ended', () => left === 2)
  for (let turn = 0; turn < 20; turn++) await setImmediate()
  assert.equal(started, 2)
})

test('a client that leaves a batch ends the parts that run', async (t) => {
  const app = batchApp(t, { deadline: '1h' })
  const started = Promise.withResolvers<void>()
  const left = Promise.withResolvers<void>()
  app.post('/slow', (_request, reply) => {
    reply.raw.once('close', left.resolve)
    started.resolve()
    return new Promise(() => {})
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const request = httpRequest({
    port,
    host: '127.0.0.1',
    method: 'POST',
    path: '/batch',
    headers: { 'content-type': 'application/json' },
  })
  request.on('error', () => {})
  request.end(JSON.stringify({ requests: [{ id: 'a', method: 'POST', path: '/slow', body: {} }] }))
  await started.promise
  request.destroy()
  await left.promise
})

async function open (
  app: FastifyInstance,
  requests: readonly unknown[]
): Promise<import('node:http').IncomingMessage> {
  const { port } = app.server.address() as AddressInfo
  const headers = { 'content-type': 'application/json', accept: 'application/x-ndjson' }
  const request = httpRequest({ port, host: '127.0.0.1', method: 'POST', path: '/batch', headers })
  request.end(JSON.stringify({ requests }))
  const [response] = await once(request, 'response')
  return response
}
