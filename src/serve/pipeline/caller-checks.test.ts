import Fastify, { type FastifyInstance } from 'fastify'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import {
  keySet,
  memoryReplayStore,
  signingKey,
  signRequest,
  verificationKey,
} from '../../protect/verify/index.ts'
import type { PipelineOptions } from './options.ts'
import { plimsoll } from './plugin.ts'

const secret = 'a shared secret of at least 32 bytes'
const key = signingKey({ id: 'billing', secret })

function signatures (): NonNullable<PipelineOptions['signatures']> {
  return {
    keys: keySet([verificationKey({ id: 'billing', secret, owner: 'billing' })]),
    replay: memoryReplayStore(),
  }
}

async function setup (options: PipelineOptions): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(plimsoll, { admission: false, ...options })
  return app
}

/** A request with a body, signed; `sent` is the body that goes out. */
function signed (body: string, sent = body) {
  const headers = { 'content-type': 'application/json' }
  const url = 'http://shop.test/orders'
  return {
    method: 'POST' as const,
    url: '/orders',
    headers: {
      ...headers,
      host: 'shop.test',
      ...signRequest({ method: 'POST', url, headers, body, key, nonce: randomUUID() }),
    },
    payload: sent,
  }
}

test('a signed request reaches the handler, which knows who signed it', async () => {
  const app = await setup({ signatures: signatures() })
  app.post('/orders', { config: { verify: 'required' } }, async (request) => ({
    owner: request.verification?.key.owner,
    body: request.body,
  }))
  const answer = await app.inject(signed('{"item":"rope"}'))
  assert.deepEqual(answer.json(), { owner: 'billing', body: { item: 'rope' } })
})

test('unsigned, changed and repeated requests are refused before the handler, and told how to sign', async () => {
  const app = await setup({ signatures: signatures() })
  let runs = 0
  app.post('/orders', { config: { verify: 'required' } }, async () => ({ runs: ++runs }))
  const unsigned = await app.inject({ method: 'POST', url: '/orders', payload: {} })
  assert.deepEqual([unsigned.statusCode, unsigned.json().code], [401, 'SIGNATURE_MISSING'])
  assert.match(String(unsigned.headers['accept-signature']), /"@method"/)
  const changed = await app.inject(signed('{"item":"rope"}', '{"item":"ruby"}'))
  assert.deepEqual([changed.statusCode, changed.json().code], [400, 'DIGEST_MISMATCH'])
  const once = signed('{"item":"rope"}')
  assert.equal((await app.inject(once)).statusCode, 200)
  const replayed = await app.inject(once)
  assert.deepEqual([replayed.statusCode, replayed.json().reason], [401, 'replayed'])
  assert.equal(runs, 1)
})

test('where a signature is optional, none is fine and a wrong one is not', async () => {
  const app = await setup({ signatures: signatures() })
  app.post('/orders', { config: { verify: 'optional' } }, async () => ({}))
  assert.equal((await app.inject({ method: 'POST', url: '/orders', payload: {} })).statusCode, 200)
  const { headers, ...wrong } = signed('{}')
  const forged = { ...wrong, headers: { ...headers, 'signature': 'sig1=:AAAA:' } }
  assert.equal((await app.inject(forged)).statusCode, 401)
})

test("a bot's class caps its lane, gives it limits of its own, and refuses it only when asked to", async () => {
  const plans = { crawlers: { limits: { perHour: 1, by: 'client', name: 'crawl' } } } as const
  const policy = {
    'declared-bot': { lane: 'background', limits: 'crawlers' },
  } as const
  const app = await setup({ bots: { policy }, plans })
  app.get('/', { config: { criticality: 'critical', limit: 'plan' } }, async (request) => ({
    class: request.bot?.class,
    criticality: request.context.criticality,
  }))
  const crawler = { 'user-agent': 'Googlebot/2.1 (+http://www.google.com/bot.html)' }
  assert.deepEqual((await app.inject({ url: '/', headers: crawler })).json(), {
    class: 'declared-bot',
    criticality: 'background',
  })
  assert.equal((await app.inject({ url: '/', headers: crawler })).statusCode, 429)
  const plain = { 'user-agent': 'AcmeShop/3.1 (iPhone; iOS 18)' }
  assert.deepEqual((await app.inject({ url: '/', headers: plain })).json(), {
    class: 'unknown',
    criticality: 'critical',
  })
  const strict = await setup({ bots: { policy: { 'declared-bot': { refuse: true } } } })
  strict.get('/', async () => ({}))
  const refused = await strict.inject({ url: '/', headers: crawler })
  assert.deepEqual([refused.statusCode, refused.json().code], [403, 'BOT_REFUSED'])
})

test('a route that wants signatures where nobody says whose count stops the boot', async () => {
  const app = await setup({})
  assert.throws(() => app.get('/', { config: { verify: 'required' } }, async () => ({})), {
    code: 'SETTING_INVALID',
    message: /^GET \/ config\.verify must be used with the option `signatures`/,
  })
  const other = await setup({ signatures: signatures() })
  assert.throws(() => other.get('/', { config: { verify: 'yes' as 'required' } }, async () => ({})), {
    message: /must be 'required' or 'optional'/,
  })
})

test('limits of a class that no plan has stop the boot', async () => {
  const bots: PipelineOptions['bots'] = { policy: { 'likely-bot': { limits: 'crawlerz' } } }
  await assert.rejects(setup({ bots, plans: { crawlers: {} } }), {
    code: 'SETTING_INVALID',
    message: /bots\.policy\.likely-bot\.limits.*crawlerz/,
  })
})
