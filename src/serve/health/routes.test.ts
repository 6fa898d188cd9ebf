import fastifySwagger from '@fastify/swagger'
import fastify from 'fastify'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '../../kernel/index.ts'
import { answerProbe, Health, healthRoutes } from './index.ts'

function healthWithPostgres (run: () => void): Health {
  const health = new Health({ clock: manualClock(1_700_000_000_000), ttlMs: 0 })
  health.addCheck({ name: 'postgres', run })
  health.started()
  return health
}

test('the probes answer health+json that is not to be stored, with 200 or 503', async () => {
  let down = false
  const health = healthWithPostgres(() => {
    if (down) throw Object.assign(new Error('secret'), { code: 'ECONNREFUSED' })
  })
  await using app = fastify()
  app.register(healthRoutes(health))
  for (const url of ['/livez', '/readyz', '/startupz']) {
    const response = await app.inject(url)
    assert.equal(response.statusCode, 200, url)
    assert.match(String(response.headers['content-type']), /^application\/health\+json/)
    assert.equal(response.headers['cache-control'], 'no-store')
  }
  down = true
  assert.equal((await app.inject('/livez')).statusCode, 200)
  const response = await app.inject('/readyz')
  assert.equal(response.statusCode, 503)
  assert.deepEqual(response.json(), {
    status: 'fail',
    state: 'ready',
    output: 'postgres cannot be used',
    checks: {
      postgres: [{
        status: 'fail',
        required: true,
        observedValue: 0,
        observedUnit: 'ms',
        time: '2023-11-14T22:13:20.000Z',
        code: 'ECONNREFUSED',
        output: 'postgres cannot be used',
      }],
    },
  })
})

test('an optional dependency that fails leaves readiness at 200', async () => {
  const health = new Health({ clock: manualClock() })
  health.addCheck({ name: 'redis', required: false, run: () => Promise.reject(new Error('down')) })
  health.started()
  const { statusCode, body } = await answerProbe(health, '/readyz')
  assert.equal(statusCode, 200)
  assert.equal(JSON.parse(body).status, 'warn')
})

test('draining answers 503 with its state', async () => {
  const health = healthWithPostgres(() => {})
  health.drain()
  const { statusCode, body } = await answerProbe(health, '/readyz')
  assert.equal(statusCode, 503)
  assert.equal(JSON.parse(body).state, 'draining')
})

test('a source that throws is answered with 503, without its message', async () => {
  const broken = (): never => {
    throw new Error('hunter2')
  }
  const source = { live: broken, ready: broken, startup: broken }
  const { statusCode, body } = await answerProbe(source, '/readyz')
  assert.equal(statusCode, 503)
  assert.doesNotMatch(body, /hunter2/)
})

test('the probes move with a prefix, answer HEAD, and stay out of the API description', async () => {
  await using app = fastify()
  await app.register(fastifySwagger, { openapi: { openapi: '3.1.0' } })
  app.register(healthRoutes(healthWithPostgres(() => {})), { prefix: '/internal' })
  await app.ready()
  assert.equal((await app.inject('/internal/readyz')).statusCode, 200)
  assert.equal((await app.inject({ method: 'HEAD', url: '/internal/readyz' })).statusCode, 200)
  assert.deepEqual(app.swagger().paths, {})
})
