import fc from 'fast-check'
import type { FastifyInstance } from 'fastify'
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { Type } from 'typebox'
import { SettingError } from '../../../kernel/index.ts'
import { unpackMessage } from '../format/index.ts'
import { shapedApp } from '../shaped-app.fixture.ts'
import { apiVersionOf } from '../shaping.ts'
import { ApiVersions, type RequestParts, type VersionOptions } from './api-versions.ts'

type Fields = Record<string, unknown>

/** 2024: `name`, and a price in cents. 2025: the name in two. 2026: the price as an object. */
const options: VersionOptions = {
  first: '2024-01-01',
  changes: [
    {
      version: '2026-03-01',
      routes: {
        'POST /people': {
          request: ({ body, query }) => {
            const { price, ...rest } = body as Fields
            return { body: { ...rest, price: { cents: price } }, query }
          },
          response: (document) => {
            const { price, ...rest } = document as Fields & { price: { cents: number } }
            return { ...rest, price: price.cents }
          },
        },
      },
    },
    {
      version: '2025-06-01',
      routes: {
        'POST /people': {
          request: ({ body, query }) => {
            const { name, ...rest } = body as Fields
            const [first, last] = String(name).split(' ')
            return { body: { ...rest, first, last }, query }
          },
          response: (document) => {
            const { first, last, ...rest } = document as Fields
            return { ...rest, name: `${String(first)} ${String(last)}` }
          },
        },
      },
    },
  ],
  deprecated: {
    '2024-01-01': {
      since: new Date('2026-03-01T00:00:00Z'),
      sunset: new Date('2027-01-01T00:00:00Z'),
      link: 'https://example.com/changes',
    },
  },
}

const person = Type.Object({
  first: Type.String(),
  last: Type.String(),
  price: Type.Object({ cents: Type.Integer() }),
})

function versionedApp (t: TestContext, more: Partial<VersionOptions> = {}): FastifyInstance {
  const app = shapedApp(t, { versions: new ApiVersions({ ...options, ...more }) })
  app.post(
    '/people',
    {
      schema: { body: person, response: { 200: person } },
      config: { payload: { formats: ['json', 'msgpack'] } },
    },
    (request, reply) =>
      reply.header('x-seen', apiVersionOf(request)).send({ ...request.body as object, secret: 'never' })
  )
  return app
}

const bodies: Readonly<Record<string, object>> = {
  '2024-01-01': { name: 'Ada Lovelace', price: 5 },
  '2025-06-01': { first: 'Ada', last: 'Lovelace', price: 5 },
  '2026-03-01': { first: 'Ada', last: 'Lovelace', price: { cents: 5 } },
}

for (const [version, payload] of Object.entries(bodies)) {
  test(`a client of ${version} sends and gets the form of that version`, async (t) => {
    const headers = { 'api-version': version }
    const answer = await versionedApp(t).inject({ method: 'POST', url: '/people', headers, payload })
    assert.equal(answer.statusCode, 200, answer.body)
    assert.deepEqual(answer.json(), payload)
    assert.equal(answer.headers['api-version'], version)
    assert.equal(answer.headers['x-seen'], version)
    assert.equal(answer.headers['vary'], 'accept, api-version')
    const packed = await versionedApp(t).inject({
      method: 'POST',
      url: '/people',
      headers: { ...headers, accept: 'application/msgpack' },
      payload,
    })
    assert.deepEqual(unpackMessage(packed.rawPayload), payload)
  })
}

test('a version that is on its way out says so, and the current one does not', async (t) => {
  const app = versionedApp(t)
  const post = (version: string) =>
    app.inject({
      method: 'POST',
      url: '/people',
      headers: { 'api-version': version },
      payload: bodies[version] ?? {},
    })
  const old = await post('2024-01-01')
  assert.equal(old.headers['deprecation'], '@1772323200')
  assert.equal(old.headers['sunset'], 'Fri, 01 Jan 2027 00:00:00 GMT')
  assert.equal(old.headers['link'], '<https://example.com/changes>; rel="deprecation"')
  const current = await post('2026-03-01')
  assert.equal(current.headers['deprecation'], undefined)
  assert.equal(current.headers['sunset'], undefined)
})

test('without the header it is the first version, or the current one where the app says so', async (t) => {
  const first = await versionedApp(t).inject({
    method: 'POST',
    url: '/people',
    payload: bodies['2024-01-01'] ?? {},
  })
  assert.equal(first.headers['api-version'], '2024-01-01')
  const current = await versionedApp(t, { fallback: 'current' })
    .inject({ method: 'POST', url: '/people', payload: bodies['2026-03-01'] ?? {} })
  assert.equal(current.headers['api-version'], '2026-03-01')
})

test('an unknown version gets 400 naming the known ones, whatever it is', async (t) => {
  const app = versionedApp(t)
  const answer = await app.inject({
    method: 'POST',
    url: '/people',
    headers: { 'api-version': '2025-01-01' },
    payload: {},
  })
  assert.equal(answer.statusCode, 400)
  assert.equal(answer.json().code, 'UNKNOWN_VERSION')
  assert.deepEqual(answer.json().versions, ['2024-01-01', '2025-06-01', '2026-03-01'])
  assert.equal(answer.headers['vary'], 'accept, api-version')
  await fc.assert(
    fc.asyncProperty(
      fc.stringMatching(/^[ -~]{1,20}$/).filter((text) => text.trim() !== ''),
      async (version) => {
        const headers = { 'api-version': version }
        const { statusCode } = await app.inject({ method: 'POST', url: '/people', headers, payload: {} })
        assert.equal(statusCode, 400)
      }
    ),
    { numRuns: 100 }
  )
})

test('another header can name the version, and routes can be left out', async (t) => {
  const app = shapedApp(t, { versions: new ApiVersions({ ...options, header: 'X-Shop-Version' }) })
  app.get('/', () => ({}))
  app.get('/health', { config: { payload: { versions: false } } }, () => ({}))
  assert.equal((await app.inject({ url: '/', headers: { 'x-shop-version': 'x' } })).statusCode, 400)
  assert.equal((await app.inject({ url: '/', headers: { 'x-shop-version': '2025-06-01' } })).statusCode, 200)
  assert.equal((await app.inject({ url: '/health', headers: { 'x-shop-version': 'x' } })).statusCode, 200)
})

test('routes that a change names and that do not exist are found', () => {
  const versions = new ApiVersions(options)
  assert.deepEqual(versions.strangers(new Set(['POST /people'])), [])
  assert.deepEqual(versions.strangers(new Set(['GET /people'])), ['POST /people'])
})

test('versions that cannot be stop the boot', () => {
  const wrong: readonly Partial<VersionOptions>[] = [
    { first: 'v1' },
    { first: '2024-13-01' },
    { first: '2025-06-01' },
    { changes: [{ version: 'next', routes: {} }] },
    { fallback: 'latest' as never },
    { header: 'no header' },
    { deprecated: { '2020-01-01': { since: new Date(0) } } },
  ]
  for (const more of wrong) assert.throws(() => new ApiVersions({ ...options, ...more }), SettingError)
})

test('what an older client sends wrongly gets 400, whatever the steps stumble over', async (t) => {
  const app = versionedApp(t)
  for (const payload of ['null', '7', '[]', '{}', '""']) {
    const headers = { 'api-version': '2024-01-01', 'content-type': 'application/json' }
    const answer = await app.inject({ method: 'POST', url: '/people', headers, payload })
    assert.equal(answer.statusCode, 400, payload)
  }
  const headers = { 'api-version': '2024-01-01' }
  assert.equal((await app.inject({ method: 'POST', url: '/people', headers })).json().code, 'NOT_OF_VERSION')
})

test('an answer that is no success has the same form in every version', async (t) => {
  const app = shapedApp(t, { versions: new ApiVersions(options) })
  app.post('/people', (_request, reply) => reply.code(409).send({ taken: true }))
  const answer = await app.inject({ method: 'POST', url: '/people', payload: { name: 'Ada', price: 5 } })
  assert.equal(answer.statusCode, 409)
  assert.deepEqual(answer.json(), { taken: true })
})

test('bytes are sent as they are: they may be an answer that was made for this version before', async (t) => {
  const app = shapedApp(t, { versions: new ApiVersions(options) })
  const kept = JSON.stringify({ name: 'Ada Lovelace', price: 5 })
  app.post('/people', (_request, reply) => reply.type('application/json').send(Buffer.from(kept)))
  const answer = await app.inject({ method: 'POST', url: '/people', payload: { name: 'Ada', price: 5 } })
  assert.equal(answer.body, kept)
})

test('the steps of several versions are taken in the order of time, and undone in that order backwards', () => {
  const mark = (version: string) => ({
    version,
    routes: {
      'GET /': {
        request: ({ body, query }: RequestParts) => ({ body: [...body as string[], version], query }),
        response: (document: unknown) => [...document as string[], version],
      },
    },
  })
  const versions = new ApiVersions({
    first: '2023-01-01',
    changes: ['2026-01-01', '2024-01-01', '2025-01-01'].map(mark),
  })
  const steps = versions.compile('GET /')
  const { upgrade, downgrade } = steps.get('2023-01-01') ?? {}
  assert.deepEqual(upgrade?.({ body: [], query: {} }).body, ['2024-01-01', '2025-01-01', '2026-01-01'])
  assert.deepEqual(downgrade?.([], 200), ['2026-01-01', '2025-01-01', '2024-01-01'])
  assert.deepEqual(steps.get('2025-01-01')?.downgrade?.([], 200), ['2026-01-01'])
  assert.equal(steps.get('2026-01-01')?.upgrade, undefined)
  assert.deepEqual([undefined, '', ' 2025-01-01 '].map((header) => versions.asked(header)), [
    '2023-01-01',
    '2023-01-01',
    '2025-01-01',
  ])
})
