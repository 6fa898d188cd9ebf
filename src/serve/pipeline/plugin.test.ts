import Fastify, { type FastifyInstance, type LightMyRequestResponse } from 'fastify'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { currentContext, type ManualClock, manualClock, Problem, seededRandom } from '../../kernel/index.ts'
import { Admission } from '../../protect/admission/index.ts'
import {
  accessLog,
  createLogger,
  memoryExporter,
  MetricsRegistry,
  renderMetrics,
  Tracer,
} from '../../telemetry/index.ts'
import type { PipelineOptions } from './options.ts'
import { plimsoll } from './plugin.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const spanId = 'b7ad6b7169203331'

interface Setup {
  readonly app: FastifyInstance
  readonly clock: ManualClock
  readonly registry: MetricsRegistry
}

async function setup (
  options: PipelineOptions = {},
  routes?: (app: FastifyInstance) => void
): Promise<Setup> {
  const clock = manualClock()
  const registry = new MetricsRegistry({ clock })
  const app = Fastify()
  // Time stands still here, and admission lives by it; admit.test.ts is its place.
  await app.register(plimsoll, { clock, registry, random: seededRandom(7), admission: false, ...options })
  app.get('/things/:id', async () => ({ ok: true }))
  routes?.(app)
  await app.ready()
  return { app, clock, registry }
}

/** The value of one sample of the exposition, or undefined. */
async function sample (registry: MetricsRegistry, series: string): Promise<number | undefined> {
  let text = ''
  for await (const chunk of renderMetrics(registry.snapshot(), 'prometheus')) text += chunk
  const line = text.split('\n').find((row) => row.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length + 1))
}

const countOf = (method: string, route: string, status: number): string =>
  'http_server_request_duration_seconds_count' +
  `{http_request_method="${method}",http_route="${route}",http_response_status_code="${status}"}`

test("every answer carries the request id: the caller's when it is fit to log, else a new one", async () => {
  const { app } = await setup()
  const given = await app.inject({ url: '/things/1', headers: { 'x-request-id': 'order-42' } })
  assert.equal(given.headers['x-request-id'], 'order-42')
  for (const bad of ['a b', 'x'.repeat(129), 'line\tbreak', '']) {
    const answer = await app.inject({ url: '/things/1', headers: { 'x-request-id': bad } })
    assert.match(String(answer.headers['x-request-id']), /^[\da-z]{10}-[\da-z]+$/)
  }
})

test("a request is counted under its route's pattern, method and status, with its duration", async () => {
  const { app, clock, registry } = await setup({}, (app) => {
    app.get('/slow', async () => {
      clockOfTest.advance(250)
      return { ok: true }
    })
  })
  const clockOfTest = clock
  await app.inject('/things/1')
  await app.inject('/things/2')
  await app.inject('/slow')
  assert.equal(await sample(registry, countOf('GET', '/things/:id', 200)), 2)
  const sum = countOf('GET', '/slow', 200).replace('_count', '_sum')
  assert.equal(await sample(registry, sum), 0.25)
})

test('requests that match no route share one series, so that nobody can grow the metrics', async () => {
  const { app, registry } = await setup()
  for (let i = 0; i < 3; i++) await app.inject(`/no/such/${i}`)
  assert.equal(await sample(registry, countOf('GET', '', 404)), 3)
})

test('a request refused by another hook is recorded too', async () => {
  const { app, registry } = await setup({}, (app) => {
    app.addHook('onRequest', async (_request, reply) => reply.code(401).send())
    app.get('/private', async () => ({ ok: true }))
  })
  assert.equal((await app.inject('/private')).statusCode, 401)
  assert.equal(await sample(registry, countOf('GET', '/private', 401)), 1)
})

test('the context has id, trace, criticality and deadline, in handlers with and without a body', async () => {
  const seen: unknown[] = []
  const look = async (): Promise<object> => {
    await setImmediate()
    const context = currentContext()
    seen.push([
      context?.trace.traceId,
      context?.criticality,
      context?.deadline.remainingMs(),
      context?.tenant,
    ])
    return {}
  }
  const config = { criticality: 'critical', deadline: '300ms' } as const
  const { app } = await setup({ tenantOf: (request) => String(request.headers['x-tenant']) }, (app) => {
    app.get('/look', { config }, look)
    app.post('/look', { config }, look)
  })
  const headers = { 'traceparent': `00-${traceId}-${spanId}-00`, 'x-tenant': 'acme' }
  await app.inject({ url: '/look', headers })
  // Over a real socket, and too large for one packet: the body arrives in the socket's own async context.
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as { port: number }
  await fetch(`http://127.0.0.1:${port}/look`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ filler: 'x'.repeat(100_000) }),
  })
  await app.close()
  const expected = [traceId, 'critical', 300, 'acme']
  assert.deepEqual(seen, [expected, expected])
})

test("pipelined requests each keep their own context, and an injected one leaves its caller's alone", async () => {
  const { app } = await setup({}, (app) => {
    app.get('/own', async (request) => {
      await setImmediate()
      return { right: currentContext()?.id === request.id }
    })
    app.get('/injects', async (request) => {
      const inner = app.inject('/own').then((answer) => answer.json())
      const before = currentContext()?.id === request.id
      return { right: (await inner).right && before && currentContext()?.id === request.id }
    })
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const socket = connect((app.server.address() as { port: number }).port, '127.0.0.1')
  const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nhost: x\r\n${more}\r\n`
  socket.end(get('/own') + get('/injects') + get('/own') + get('/own', 'connection: close\r\n'))
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  assert.deepEqual(text.match(/\{.*?\}/g), Array.from({ length: 4 }, () => '{"right":true}'))
  await app.close()
})

test('a caller that samples gets a server span under its own; one that does not gets none', async () => {
  const exporter = memoryExporter()
  const tracer = new Tracer({ exporter, sampleRatio: 0 })
  const { app } = await setup({ tracer })
  await app.inject({ url: '/things/1', headers: { traceparent: `00-${traceId}-${spanId}-01` } })
  await app.inject({ url: '/things/1', headers: { traceparent: `00-${traceId}-${spanId}-00` } })
  await app.inject({
    url: '/things/1',
    headers: { traceparent: 'nonsense that is long enough to look like one -------------1' },
  })
  await tracer.close()
  assert.equal(exporter.spans.length, 1)
  const [span] = exporter.spans
  assert.equal(span?.name, 'GET /things/:id')
  assert.equal(span?.trace.traceId, traceId)
  assert.equal(span?.parentSpanId, spanId)
  assert.notEqual(span?.trace.spanId, spanId)
})

test("a trace that starts here is sampled by the tracer's ratio", async () => {
  const exporter = memoryExporter()
  const tracer = new Tracer({ exporter, sampleRatio: 1 })
  const { app } = await setup({ tracer })
  await app.inject('/things/1')
  await tracer.close()
  assert.equal(exporter.spans.length, 1)
  assert.equal(exporter.spans[0]?.parentSpanId, undefined)
})

test('every failure is a problem document with code, request id and trace id, and no internals', async () => {
  const { app } = await setup({}, (app) => {
    app.get('/broken', async () => {
      throw new Error('password=hunter2 at db.internal')
    })
    app.get('/refused', async () => {
      throw new Problem({ code: 'OUT_OF_STOCK', status: 409, title: 'There is not enough stock' }, {
        detail: '3 are left',
        extensions: { left: 3 },
      })
    })
    const quantity = { type: 'object', required: ['quantity'], properties: { quantity: { type: 'integer' } } }
    app.post('/things', { schema: { body: quantity }, bodyLimit: 100 }, async () => ({}))
  })
  const json = { 'content-type': 'application/json', 'traceparent': `00-${traceId}-${spanId}-00` }
  const post = (payload: string, headers: Record<string, string> = json): Promise<LightMyRequestResponse> =>
    app.inject({ method: 'POST', url: '/things', headers, payload })
  const cases: [LightMyRequestResponse, number, string][] = [
    [await app.inject('/broken'), 500, 'INTERNAL_ERROR'],
    [await app.inject('/refused'), 409, 'OUT_OF_STOCK'],
    [await app.inject('/nowhere?secret=1'), 404, 'ROUTE_NOT_FOUND'],
    [await post('{"quantity": "many"}'), 400, 'VALIDATION_FAILED'],
    [await post('{"quantity": '), 400, 'MALFORMED_JSON'],
    [await post(''), 400, 'MALFORMED_JSON'],
    [await post(`{"quantity": 1, "x": "${'x'.repeat(100)}"}`), 413, 'BODY_TOO_LARGE'],
    [await post('<quantity/>', { 'content-type': 'text/xml' }), 415, 'UNSUPPORTED_MEDIA_TYPE'],
  ]
  for (const [answer, status, code] of cases) {
    assert.equal(answer.statusCode, status, code)
    assert.match(String(answer.headers['content-type']), /^application\/problem\+json/)
    const document = answer.json()
    assert.equal(document.code, code)
    assert.equal(document.status, status)
    assert.equal(document.request_id, answer.headers['x-request-id'])
    assert.equal(document.instance, `urn:request:${document.request_id}`)
    assert.match(document.trace_id, /^[\da-f]{32}$/)
    assert.doesNotMatch(answer.body, /hunter2|db\.internal|secret|\.ts:/)
  }
  assert.equal(cases[1]?.[0].json().left, 3)
  assert.deepEqual(cases[3]?.[0].json().issues, [{
    in: 'body',
    path: '/quantity',
    message: 'must be integer',
  }])
  assert.equal(cases[3]?.[0].json().trace_id, traceId)
})

test('a client that leaves before the answer is recorded as 499, once', async () => {
  const arrived = Promise.withResolvers<void>()
  const { app, registry } = await setup({}, (app) => {
    app.get('/hang', () => {
      arrived.resolve()
      return new Promise(() => {})
    })
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const socket = connect((app.server.address() as { port: number }).port, '127.0.0.1')
  socket.write('GET /hang HTTP/1.1\r\nhost: x\r\n\r\n')
  await arrived.promise
  assert.equal(await sample(registry, 'http_server_active_requests'), 1)
  const closed = once(app.server, 'request').catch(() => {})
  socket.destroy()
  while (await sample(registry, countOf('GET', '/hang', 499)) === undefined) await setImmediate()
  assert.equal(await sample(registry, countOf('GET', '/hang', 499)), 1)
  assert.equal(await sample(registry, 'http_server_active_requests'), 0)
  void closed
  await app.close()
})

test('the access log holds errors and slow requests, with the ids that lead to the rest', async () => {
  const lines: Record<string, unknown>[] = []
  const logger = createLogger({ destination: { write: (line: string) => void lines.push(JSON.parse(line)) } })
  const { app, clock } = await setup({ accessLog: accessLog({ logger, slowMs: 1_000 }) }, (app) => {
    app.get('/slow', async () => {
      clock_.advance(1_500)
      return {}
    })
    app.get('/broken', async () => {
      throw new Error('no')
    })
  })
  const clock_ = clock
  await app.inject('/things/1')
  await app.inject('/slow')
  await app.inject('/broken')
  assert.deepEqual(lines.map(({ route, status }) => [route, status]), [['/slow', 200], ['/broken', 500]])
  assert.match(String(lines[0]?.['trace_id']), /^[\da-f]{32}$/)
})

test("with a logger of ours, what a handler logs carries the request's ids", async () => {
  const lines: Record<string, unknown>[] = []
  const logger = createLogger({ destination: { write: (line: string) => void lines.push(JSON.parse(line)) } })
  const { app } = await setup({ logger }, (app) => {
    app.get('/log', async (request) => {
      await setImmediate()
      request.log.info('here')
      return {}
    })
  })
  await app.inject({
    url: '/log',
    headers: { 'traceparent': `00-${traceId}-${spanId}-00`, 'x-request-id': 'r-1' },
  })
  assert.deepEqual([lines[0]?.['msg'], lines[0]?.['trace_id'], lines[0]?.['request_id']], [
    'here',
    traceId,
    'r-1',
  ])
})

test('a route setting that breaks its rule stops the boot and names route, setting, rule and value', async () => {
  const app = Fastify()
  await app.register(plimsoll)
  const declare = (config: object): void => {
    app.get('/x', { config }, async () => ({}))
  }
  assert.throws(() => declare({ deadline: '5' }), {
    code: 'SETTING_INVALID',
    message: /^GET \/x config\.deadline must be a duration .*, got "5"$/,
  })
  assert.throws(() => declare({ criticality: 'high' }), {
    message: /^GET \/x config\.criticality must be one of /,
  })
  // TypeScript lets this pass, and the route would have no limit.
  assert.throws(() => declare({ limits: { perSecond: 5 } }), {
    code: 'SETTING_INVALID',
    message: /^GET \/x config\.limits must be called "limit", if that is meant, got /,
  })
})

test("metricsPath serves the app's own metrics, in the format that the scraper asks for", async () => {
  const { app } = await setup({ metricsPath: '/metrics' })
  await app.inject('/things/1')
  const text = await app.inject('/metrics')
  assert.match(String(text.headers['content-type']), /^text\/plain; version=0\.0\.4/)
  assert.match(text.body, /http_server_request_duration_seconds_count\{.*http_route="\/things\/:id"/)
  const open = await app.inject({
    url: '/metrics',
    headers: { accept: 'application/openmetrics-text;version=1.0.0' },
  })
  assert.match(open.body, /# EOF\n$/)
})

test('a refusal is counted, and writes no line in the access log', async (t) => {
  const lines: string[] = []
  const logger = createLogger({ destination: { write: (line: string) => void lines.push(line) } })
  const registry = new MetricsRegistry()
  const admission = new Admission({ registry })
  t.mock.method(admission, 'arrive', () => ({ reason: 'queue-full', lane: 'normal', retryAfterSeconds: 3 }))
  const { app } = await setup({ registry, admission, accessLog: accessLog({ logger, slowMs: 0 }) })
  const refused = await app.inject('/things/1')
  assert.deepEqual([refused.statusCode, refused.json().code, refused.json().reason], [
    503,
    'OVERLOADED',
    'queue-full',
  ])
  assert.equal(refused.headers['retry-after'], '3')
  assert.equal(refused.json().request_id, refused.headers['x-request-id'])
  assert.equal(await sample(registry, countOf('GET', '/things/:id', 503)), 1)
  assert.deepEqual(lines, [])
})
