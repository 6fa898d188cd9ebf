import Fastify, { type FastifyInstance, type LightMyRequestResponse } from 'fastify'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ManualClock, manualClock, seededRandom } from '../../kernel/index.ts'
import { Admission, type AdmissionUnit, type Verdict } from '../../protect/admission/index.ts'
import type { Claim, LimitStore, Outcome } from '../../protect/limit/index.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import type { PipelineOptions } from './options.ts'
import { plimsoll } from './plugin.ts'

interface Setup {
  readonly app: FastifyInstance
  readonly clock: ManualClock
}

async function setup (options: PipelineOptions = {}): Promise<Setup> {
  const clock = manualClock()
  const app = Fastify()
  const registry = new MetricsRegistry({ clock })
  await app.register(plimsoll, { clock, registry, random: seededRandom(7), admission: false, ...options })
  return { app, clock }
}

/** Answers in a later turn of the loop, that all is taken. */
function laterStore (): { readonly store: LimitStore; readonly released: (readonly Claim[])[] } {
  const released: (readonly Claim[])[] = []
  const store: LimitStore = {
    name: 'later',
    async take (claims) {
      await new Promise(setImmediate)
      for (const claim of claims) claim.taken = true
      return undefined
    },
    give: () => {},
    release: (claims) => void released.push(claims),
    close: async () => {},
    [Symbol.asyncDispose]: async () => {},
  }
  return { store, released }
}

const statuses = (answers: readonly LightMyRequestResponse[]): number[] =>
  answers.map(({ statusCode }) => statusCode)

async function times (
  count: number,
  ask: () => Promise<LightMyRequestResponse>
): Promise<LightMyRequestResponse[]> {
  const answers: LightMyRequestResponse[] = []
  for (let at = 0; at < count; at++) answers.push(await ask())
  return answers
}

test('what is over the limit gets 429 naming the rule, and is admitted after Retry-After', async () => {
  const { app, clock } = await setup()
  app.get('/orders', { config: { limit: { perMinute: 2, name: 'orders' } } }, async () => ({ ok: true }))
  const [first, , refused] = await times(3, () => app.inject('/orders'))
  assert.equal(first?.headers['ratelimit-policy'], '"orders";q=2;w=60')
  assert.equal(first?.headers['ratelimit'], '"orders";r=1;t=30')
  const problem = refused?.json()
  assert.deepEqual([refused?.statusCode, problem.code, problem.rule], [429, 'LIMIT_EXCEEDED', 'orders'])
  assert.equal(problem.request_id, refused?.headers['x-request-id'])
  assert.match(String(refused?.headers['content-type']), /^application\/problem\+json/)
  clock.advance(Number(refused?.headers['retry-after']) * 1_000)
  assert.equal((await app.inject('/orders')).statusCode, 200)
})

test('a 304, an own 5xx and a refusal give back what they took', async () => {
  const { app } = await setup()
  const config = { limit: { perMinute: 1 } }
  app.get('/same', { config }, async (_request, reply) => reply.code(304).send())
  app.get('/broken', { config }, async () => {
    throw new Error('no')
  })
  app.get('/wrong', { config }, async (_request, reply) => reply.code(404).send({}))
  assert.deepEqual(statuses(await times(3, () => app.inject('/same'))), [304, 304, 304])
  assert.deepEqual(statuses(await times(3, () => app.inject('/broken'))), [500, 500, 500])
  assert.deepEqual(statuses(await times(2, () => app.inject('/wrong'))), [404, 429])
})

test('what admission refuses has cost nothing', async () => {
  let isFull = true
  class Full extends Admission {
    override arrive (unit: AdmissionUnit): Verdict {
      if (!isFull) return super.arrive(unit)
      unit.admissionStage = 4
      return { reason: 'queue-full', lane: 'normal', retryAfterSeconds: 1 }
    }
  }
  const { app } = await setup({ admission: new Full({ registry: new MetricsRegistry() }) })
  app.get('/orders', { config: { limit: { perMinute: 1 } } }, async () => ({}))
  const refused = await times(2, () => app.inject('/orders'))
  isFull = false
  const asked = [...refused, ...await times(2, () => app.inject('/orders'))]
  assert.deepEqual(statuses(asked), [503, 503, 200, 429])
})

test('a place in flight is taken until the answer is out', async () => {
  const { app } = await setup()
  const { promise, resolve } = Promise.withResolvers<object>()
  app.get('/slow', { config: { limit: { concurrent: 1 } } }, () => promise)
  const running = app.inject('/slow')
  await app.ready()
  const refused = await app.inject('/slow')
  assert.deepEqual([refused.statusCode, refused.json().code], [429, 'CONCURRENCY_LIMIT_EXCEEDED'])
  resolve({})
  assert.equal((await running).statusCode, 200)
  assert.equal((await app.inject('/slow')).statusCode, 200)
})

test('limits of a plan hold over all its routes, by tenant', async () => {
  const { app } = await setup({
    tenantOf: (request) => request.headers['x-tenant'] as string,
    planOf: () => 'free',
    plans: { free: { limits: { perHour: 2, name: 'hourly' } } },
  })
  for (const path of ['/a', '/b']) app.get(path, { config: { limit: 'plan' } }, async () => ({}))
  const ask = (url: string, tenant: string) => app.inject({ url, headers: { 'x-tenant': tenant } })
  const answers = [await ask('/a', 'x'), await ask('/b', 'x'), await ask('/a', 'x'), await ask('/a', 'y')]
  assert.deepEqual(statuses(answers), [200, 200, 429, 200])
})

test('default rules hold for routes that say nothing, each for itself, and not for exempt ones', async () => {
  const { app } = await setup({ limits: { rules: { perMinute: 1 } } })
  app.get('/a', async () => ({}))
  app.get('/b', { config: { limit: false } }, async () => ({}))
  app.get('/livez', { config: { exempt: true } }, async () => ({}))
  assert.deepEqual(statuses(await times(2, () => app.inject('/a'))), [200, 429])
  assert.deepEqual(statuses(await times(2, () => app.inject('/b'))), [200, 200])
  assert.deepEqual(statuses(await times(2, () => app.inject('/livez'))), [200, 200])
  assert.deepEqual(statuses(await times(2, () => app.inject('/nowhere'))), [404, 429])
})

test('HEAD draws from the limits of its GET', async () => {
  const { app } = await setup()
  app.get('/a', { config: { limit: { perMinute: 1 } } }, async () => ({}))
  assert.equal((await app.inject('/a')).statusCode, 200)
  assert.equal((await app.inject({ method: 'HEAD', url: '/a' })).statusCode, 429)
})

test('headers that earlier hooks have set go out with a refusal', async () => {
  const { app } = await setup({ limits: { rules: { perMinute: 1 } } })
  const outer = Fastify()
  outer.addHook('onRequest', async (_request, reply) => void reply.header('access-control-allow-origin', '*'))
  await outer.register(plimsoll, { admission: false, limits: { rules: { perMinute: 1 } } })
  outer.get('/a', async () => ({}))
  const [, refused] = await times(2, () => outer.inject('/a'))
  assert.deepEqual([refused?.statusCode, refused?.headers['access-control-allow-origin']], [429, '*'])
  await app.close()
})

test('a store that answers later is waited for, and a client that left meanwhile leaves nothing taken', async () => {
  const asked: { readonly claims: readonly Claim[]; readonly answer: (outcome: Outcome) => void }[] = []
  const released: (readonly Claim[])[] = []
  const store: LimitStore = {
    name: 'slow',
    take: (claims) => new Promise((answer) => void asked.push({ claims, answer })),
    give: () => {},
    release: (claims) => void released.push(claims),
    close: async () => {},
    [Symbol.asyncDispose]: async () => {},
  }
  const { app } = await setup({ limits: { store } })
  app.get(
    '/a',
    { config: { limit: { concurrent: 1 } } },
    async (request) => ({ right: request.context.id === request.id })
  )
  const waiting = app.inject('/a')
  await app.ready()
  while (asked.length === 0) await new Promise(setImmediate)
  for (const claim of asked[0]?.claims ?? []) claim.taken = true
  asked[0]?.answer(undefined)
  assert.deepEqual((await waiting).json(), { right: true })
  assert.equal(released.length, 1)

  const controller = new AbortController()
  const leaving = app.inject({ url: '/a', signal: controller.signal }).catch(() => {})
  while (asked.length === 1) await new Promise(setImmediate)
  controller.abort()
  await leaving
  for (const claim of asked[1]?.claims ?? []) claim.taken = true
  asked[1]?.answer(undefined)
  await new Promise(setImmediate)
  assert.equal(released.length, 2)
})

test('a function of the app that throws after a store has answered is a 500, and ends no process', async () => {
  const { store, released } = laterStore()
  const tenantOf = (): string => {
    throw new Error('no such session')
  }
  const { app } = await setup({ limits: { store }, tenantOf })
  const config = { limit: { concurrent: 1 }, cache: { ttl: '1m', scope: 'tenant' } } as const
  app.get('/mine', { config }, async () => ({}))
  const unheard: unknown[] = []
  const hear = (error: unknown): void => void unheard.push(error)
  process.on('unhandledRejection', hear)
  const answer = await app.inject('/mine')
  await new Promise(setImmediate)
  process.off('unhandledRejection', hear)
  assert.deepEqual([answer.statusCode, answer.json().code, unheard], [500, 'INTERNAL_ERROR', []])
  assert.equal(released.length, 1)
})

test('rules that contradict each other stop the boot and name route, rule and value', async () => {
  const { app } = await setup()
  const declare = (limit: object) => () => app.get('/x', { config: { limit } }, async () => ({}))
  assert.throws(declare({ perSecond: 0 }), { code: 'SETTING_INVALID', message: /GET \/x.*perSecond.*got 0/ })
  assert.throws(declare([{ perSecond: 1 }, { perSecond: 2 }]), {
    code: 'SETTING_INVALID',
    message: /GET \/x/,
  })
  assert.throws(declare({}), { code: 'SETTING_INVALID', message: /GET \/x/ })
})
