import Fastify, { type FastifyInstance, type LightMyRequestResponse } from 'fastify'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { unpackMessage } from '../../answer/payload/index.ts'
import { Idempotency, memoryIdempotencyStore } from '../../protect/idempotency/index.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import type { PipelineOptions } from './options.ts'
import { plimsoll } from './plugin.ts'

async function setup (options: PipelineOptions = {}): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(plimsoll, { admission: false, ...options })
  return app
}

const long = 'a long text '.repeat(200)
const response = {
  200: { type: 'object', properties: { id: { type: 'integer' }, text: { type: 'string' } } },
}

test('a route answers in what the client accepts, and 406 says what there is', async () => {
  const app = await setup()
  app.get('/thing', { schema: { response }, config: { formats: ['json', 'msgpack'] } }, async () => ({
    id: 1,
    text: 'x',
    secret: 'y',
  }))
  const packed = await app.inject({ url: '/thing', headers: { accept: 'application/vnd.msgpack' } })
  assert.deepEqual(unpackMessage(packed.rawPayload), { id: 1, text: 'x' })
  assert.match(String(packed.headers['vary']), /accept/i)
  const refused = await app.inject({ url: '/thing', headers: { accept: 'text/csv' } })
  assert.deepEqual([refused.statusCode, refused.json().code], [406, 'NOT_ACCEPTABLE'])
})

test('a long answer is compressed for who takes it, and what is kept is compressed once for each coding', async () => {
  const app = await setup()
  let runs = 0
  const config = { compress: true, cache: { ttl: '1m', scope: 'public' } } as const
  app.get('/thing', { schema: { response }, config }, async () => ({ id: ++runs, text: long }))
  app.get('/plain', { schema: { response }, config: { compress: true } }, async () => ({ id: 0, text: long }))
  const headers = { 'accept-encoding': 'gzip' }
  const plain = await app.inject({ url: '/plain', headers })
  assert.equal(plain.headers['content-encoding'], 'gzip')
  assert.equal(JSON.parse(String(gunzipSync(plain.rawPayload))).text, long)
  await app.inject({ url: '/thing', headers })
  let kept = await app.inject({ url: '/thing', headers })
  for (let turn = 0; turn < 200 && kept.headers['content-encoding'] === undefined; turn++) {
    await new Promise((resolve) => setImmediate(resolve))
    kept = await app.inject({ url: '/thing', headers })
  }
  assert.equal(kept.headers['content-encoding'], 'gzip')
  assert.deepEqual(JSON.parse(String(gunzipSync(kept.rawPayload))), { id: 1, text: long })
  const identity = await app.inject('/thing')
  assert.deepEqual([identity.headers['content-encoding'], identity.json().id], [undefined, 1])
  assert.notEqual(identity.headers['etag'], kept.headers['etag'])
})

test('looks of one answer are kept apart', async () => {
  const app = await setup()
  let runs = 0
  const config = {
    formats: ['json', 'msgpack'],
    fields: true,
    cache: { ttl: '1m', scope: 'public' },
  } as const
  app.get('/thing', { schema: { response }, config }, async (request) => {
    runs++
    return { id: 1, text: request.fields === undefined ? 'all' : 'some' }
  })
  for (let at = 0; at < 2; at++) {
    assert.deepEqual((await app.inject('/thing')).json(), { id: 1, text: 'all' })
    assert.deepEqual((await app.inject('/thing?fields=id')).json(), { id: 1 })
    const packed = await app.inject({ url: '/thing', headers: { accept: 'application/msgpack' } })
    assert.deepEqual(unpackMessage(packed.rawPayload), { id: 1, text: 'all' })
  }
  assert.equal(runs, 3)
  assert.equal((await app.inject('/thing?fields=secret')).statusCode, 400)
})

test('an answer under an idempotency key is replayed in the coding that the client takes then', async () => {
  const idempotency = new Idempotency({ store: memoryIdempotencyStore(), registry: new MetricsRegistry() })
  const app = await setup({ idempotency })
  let runs = 0
  app.post('/things', { config: { compress: true, idempotency: 'required' } }, async () => ({
    id: ++runs,
    text: long,
  }))
  const ask = (encoding: string): Promise<LightMyRequestResponse> =>
    app.inject({
      method: 'POST',
      url: '/things',
      headers: { 'idempotency-key': '"k"', 'accept-encoding': encoding },
    })
  const first = await ask('gzip')
  const replay = await ask('identity')
  assert.equal(first.headers['content-encoding'], 'gzip')
  assert.deepEqual([replay.headers['content-encoding'], replay.headers['idempotent-replayed']], [
    undefined,
    'true',
  ])
  assert.deepEqual(replay.json(), JSON.parse(String(gunzipSync(first.rawPayload))))
  assert.equal(runs, 1)
})
