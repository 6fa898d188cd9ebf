import Fastify, { type FastifyInstance } from 'fastify'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { currentContext, type ManualClock, manualClock, seededRandom } from '../../kernel/index.ts'
import { Admission } from '../../protect/admission/index.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import type { PipelineOptions, RouteSettings } from './options.ts'
import { plimsoll } from './plugin.ts'

interface Setup {
  readonly app: FastifyInstance
  readonly clock: ManualClock
  readonly registry: MetricsRegistry
}

/** An app whose `GET /look` answers with its context, under the settings given. */
async function setup (options: PipelineOptions = {}, config: RouteSettings = {}): Promise<Setup> {
  const clock = manualClock()
  const registry = new MetricsRegistry({ clock })
  const app = Fastify()
  await app.register(plimsoll, { clock, registry, random: seededRandom(7), admission: false, ...options })
  app.get('/look', { config }, async () => {
    const context = currentContext()
    return { criticality: context?.criticality, leftMs: context?.deadline.remainingMs() }
  })
  return { app, clock, registry }
}

async function look ({ app }: Setup, headers: Record<string, string> = {}, from = '10.0.0.1') {
  const answer = await app.inject({ url: '/look', headers, remoteAddress: from })
  return answer.json() as { criticality: string; leftMs: number | null }
}

/** The value of a counter with one label. */
function valueOf (registry: MetricsRegistry, name: string, label: string): number | undefined {
  const family = registry.snapshot().families.find((each) => each.name === name)
  const width = family?.labels.length ?? 1
  return family?.values[Math.floor(family.labelValues.indexOf(label) / width)]
}

const trusted = ['10.0.0.0/8']

test("a trusted caller's criticality is taken, a stranger's and a wrong one are not", async () => {
  const app = await setup({ trusted }, { criticality: 'normal' })
  const said = { 'plimsoll-criticality': 'critical' }
  assert.equal((await look(app, said)).criticality, 'critical')
  assert.equal((await look(app, said, '192.0.2.1')).criticality, 'normal')
  assert.equal((await look(app, { 'plimsoll-criticality': 'urgent' })).criticality, 'normal')
})

test("no request is above the ceiling of its caller's plan, whoever says so", async () => {
  const plans = { free: { criticality: 'sheddable' }, pro: {} } as const
  const planOf: PipelineOptions['planOf'] = (request) => request.headers['x-plan'] as string | undefined
  const app = await setup({ trusted, plans, planOf }, { criticality: 'normal' })
  const said = { 'plimsoll-criticality': 'critical' }
  assert.equal((await look(app, { ...said, 'x-plan': 'free' })).criticality, 'sheddable')
  assert.equal((await look(app, { ...said, 'x-plan': 'pro' })).criticality, 'critical')
  assert.equal((await look(app, said)).criticality, 'critical')
})

test("without a plan, or with one that nobody can tell, the ceiling is that of the plan 'default'", async () => {
  const plans = { default: { criticality: 'sheddable' }, pro: {} } as const
  const planOf: PipelineOptions['planOf'] = ({ headers }) => {
    if (headers['x-plan'] === 'torn') throw new Error('no such subscription')
    return headers['x-plan'] as string | undefined
  }
  const app = await setup({ plans, planOf })
  const lanes = []
  for (const plan of ['pro', 'made-up', 'torn']) lanes.push((await look(app, { 'x-plan': plan })).criticality)
  lanes.push((await look(app)).criticality)
  assert.deepEqual(lanes, ['normal', 'sheddable', 'sheddable', 'sheddable'])
})

test("a deadline is the trusted caller's within the maximum, else the route's, else the default", async () => {
  const options: PipelineOptions = { trusted, deadline: { default: '30s', max: '60s' } }
  const open = await setup(options)
  const own = await setup(options, { deadline: '2s' })
  const none = await setup(options, { deadline: 'none' })
  const asks = (ms: string): Record<string, string> => ({ 'plimsoll-timeout-ms': ms })
  assert.equal((await look(open)).leftMs, 30_000)
  assert.equal((await look(open, asks('45000'))).leftMs, 45_000)
  assert.equal((await look(open, asks('9999999999'))).leftMs, 60_000)
  assert.equal((await look(open, { 'grpc-timeout': '250m' })).leftMs, 250)
  assert.equal((await look(open, asks('100'), '192.0.2.1')).leftMs, 30_000)
  for (const absurd of ['-1', '1e3', '', '99999999999', '1, 2']) {
    assert.equal((await look(open, asks(absurd))).leftMs, 30_000, absurd)
  }
  assert.equal((await look(own)).leftMs, 2_000)
  assert.equal((await look(own, asks('45000'))).leftMs, 2_000)
  assert.equal((await look(own, asks('500'))).leftMs, 500)
  assert.equal((await look(none)).leftMs, null)
  await open.app.close()
})

test('a handler that outlives its deadline is told, its client gets 504, and its overtime is counted', async () => {
  const { app, clock, registry } = await setup({}, {})
  const { promise: signal, resolve: started } = Promise.withResolvers<AbortSignal>()
  const { promise: late, resolve: finish } = Promise.withResolvers<object>()
  app.get('/slow', { config: { deadline: '300ms' } }, () => {
    started(currentContext()?.signal as AbortSignal)
    return late
  })
  const answering = app.inject('/slow')
  const { aborted } = await signal
  assert.equal(aborted, false)
  clock.advance(320)
  const answer = await answering
  assert.equal(answer.statusCode, 504)
  assert.equal(answer.json().code, 'DEADLINE_EXCEEDED')
  assert.equal((await signal).reason.code, 'DEADLINE_EXCEEDED')
  clock.advance(680)
  finish({ late: true })
  await setImmediate()
  const name = 'work_after_caller_left_seconds_total'
  assert.ok(Math.abs((valueOf(registry, name, 'deadline') ?? 0) - 0.7) < 0.01)
  await app.close()
})

test('a client that leaves aborts the signal, and what the handler still does is counted', async () => {
  const { app, clock, registry } = await setup()
  const { promise: signal, resolve: started } = Promise.withResolvers<AbortSignal>()
  const { promise: late, resolve: finish } = Promise.withResolvers<object>()
  app.post('/slow', () => {
    started(currentContext()?.signal as AbortSignal)
    return late
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const socket = connect((app.server.address() as { port: number }).port, '127.0.0.1')
  socket.write(
    'POST /slow HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}'
  )
  const asked = await signal
  await setImmediate()
  assert.equal(asked.aborted, false) // the body has been read, and the client is still there
  socket.destroy()
  await once(asked, 'abort')
  assert.equal(asked.reason.code, 'CALLER_GONE')
  clock.advance(2_000)
  finish({})
  await setImmediate()
  assert.equal(valueOf(registry, 'work_after_caller_left_seconds_total', 'caller_gone'), 2)
  await app.close()
})

test('an answer in time ends its deadline: nothing is aborted afterwards', async () => {
  const { app, clock } = await setup()
  let signal: AbortSignal | undefined
  app.get('/quick', { config: { deadline: '300ms' } }, async () => {
    signal = currentContext()?.signal
    return { ok: true }
  })
  assert.equal((await app.inject('/quick')).statusCode, 200)
  clock.advance(1_000)
  assert.equal(signal?.aborted, false)
})

test('HEAD, which Fastify declares beside GET, is under the same settings', async () => {
  const { app } = await setup()
  const seen: unknown[] = []
  app.get('/own', { config: { deadline: '300ms', criticality: 'critical' } }, async () => {
    const context = currentContext()
    seen.push([context?.criticality, context?.deadline.remainingMs()])
    return {}
  })
  await app.inject('/own')
  await app.inject({ method: 'HEAD', url: '/own' })
  assert.deepEqual(seen, [['critical', 300], ['critical', 300]])
})

test('a route hears how close it is to refusing', async () => {
  class Pressed extends Admission {
    override pressure (): 2 {
      return 2
    }
  }
  const admission = new Pressed({ registry: new MetricsRegistry() })
  for (const [given, heard] of [[admission, 2], [false, 0]] as const) {
    const { app } = await setup({ admission: given })
    app.get('/page', async (request) => ({ pressure: request.pressure }))
    assert.deepEqual((await app.inject('/page')).json(), { pressure: heard })
  }
})

test('settings that contradict or break their rule stop the boot and name the route', async () => {
  const { app } = await setup()
  const declare = (config: object) => () => app.get('/x', { config }, async () => ({}))
  assert.throws(declare({ deadline: '0s' }), {
    message: /^GET \/x config\.deadline must be above 0, or "none"/,
  })
  assert.throws(declare({ stream: 'yes' }), { message: /^GET \/x config\.stream must be true or false/ })
  await assert.rejects(async () => Fastify().register(plimsoll, { trusted: ['everyone'] }), {
    code: 'SETTING_INVALID',
  })
  await assert.rejects(
    async () => Fastify().register(plimsoll, { plans: { free: { criticality: 'low' as never } } }),
    {
      message: /^plans\.free\.criticality must be one of/,
    }
  )
})
