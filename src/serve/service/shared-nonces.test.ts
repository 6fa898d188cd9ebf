import type { FastifyInstance } from 'fastify'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { howToGetRedis, redisProgram, testRedis } from '../../engines/redis/redis.fixture.ts'
import { keySet, signingKey, signRequest, verificationKey } from '../../protect/verify/index.ts'
import { buildApp } from './build.ts'
import { testEnvironment } from './environment.fixture.ts'
import { defineService, type ServiceDefinition } from './service.ts'

const secret = 'a shared secret of at least 32 bytes'

function ordersOf (parts: Partial<ServiceDefinition> = {}) {
  return defineService({
    name: 'orders',
    callers: {
      signatures: {
        keys: keySet([verificationKey({ id: 'billing', secret, owner: 'billing' })]),
        replay: 'shared',
      },
    },
    routes (app) {
      app.post('/orders', { config: { verify: 'required' } }, async (request) => ({
        from: request.verification?.key.owner,
      }))
    },
    ...parts,
  })
}

function signed () {
  const headers = { 'content-type': 'application/json', host: 'shop.test' }
  const key = signingKey({ id: 'billing', secret })
  const request = { method: 'POST', url: 'http://shop.test/orders', headers, body: '{}', key }
  return {
    method: 'POST' as const,
    url: '/orders',
    headers: { ...headers, ...signRequest({ ...request, nonce: randomUUID() }) },
    payload: '{}',
  }
}

/** What becomes of one signed request that is sent to one worker and then to another. */
async function sentTwice (one: FastifyInstance, other: FastifyInstance): Promise<readonly unknown[]> {
  const request = signed()
  const [first, second] = [await one.inject(request), await other.inject(request)]
  return [first.json().from, second.statusCode, second.json().reason]
}

test('with shared nonces a signature counts once among the workers of a machine', async () => {
  await using first = await testEnvironment()
  await using second = await testEnvironment()
  const [one, other] = [
    await buildApp(ordersOf(), first),
    await buildApp(ordersOf(), { ...second, local: first.local }),
  ]
  assert.deepEqual(await sentTwice(one, other), ['billing', 401, 'replayed'])
})

test('in a service with Redis it counts once among all machines', {
  skip: redisProgram === undefined && howToGetRedis,
}, async () => {
  await using redis = await testRedis('secret')
  const env = { PLIMSOLL_REDIS_URL: `redis://:secret@127.0.0.1:${redis.port}` }
  await using first = await testEnvironment(env)
  await using second = await testEnvironment(env)
  const [one, other] = [
    await buildApp(ordersOf({ redis: true }), first),
    await buildApp(ordersOf({ redis: true }), second),
  ]
  assert.deepEqual(await sentTwice(one, other), ['billing', 401, 'replayed'])
  assert.equal((await one.redis.keys('plimsoll:nonce:orders:*')).length, 1)
})

test('a place for nonces that is none stops the boot', async () => {
  await using environment = await testEnvironment()
  const keys = keySet([verificationKey({ id: 'billing', secret })])
  const service = ordersOf({ callers: { signatures: { keys, replay: 'everywhere' as 'shared' } } })
  await assert.rejects(buildApp(service, environment), {
    code: 'SETTING_INVALID',
    message: /service\.callers\.signatures\.replay/,
  })
})
