import fc from 'fast-check'
import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type TestContext } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { shapedApp } from '../shaped-app.fixture.ts'
import { codings } from './coding.ts'
import { encodeBodyNow } from './encode-body.ts'

function echoApp (t: TestContext, bodyLimit = 1_048_576): FastifyInstance {
  const app = shapedApp(t)
  app.post('/', { bodyLimit, config: { payload: { compress: true } } }, (request) => ({ got: request.body }))
  return app
}

function post (app: FastifyInstance, coding: string, payload: Buffer): Promise<LightMyRequestResponse> {
  const headers = { 'content-type': 'application/json', 'content-encoding': coding }
  return app.inject({ method: 'POST', url: '/', headers, payload })
}

for (const coding of codings) {
  test(`a body in ${coding} is read`, async (t) => {
    const body = JSON.stringify({ text: 'words '.repeat(200) })
    const answer = await post(echoApp(t), coding, encodeBodyNow(body, coding, 3))
    assert.equal(answer.statusCode, 200)
    assert.deepEqual(answer.json().got, JSON.parse(body))
  })

  test(`a small body in ${coding} that unpacks to more than the limit gets 413`, async (t) => {
    const bomb = encodeBodyNow(`"${'0'.repeat(50_000_000)}"`, coding, 5)
    const answer = await post(echoApp(t), coding, bomb)
    assert.equal(answer.statusCode, 413)
    assert.equal(answer.json().code, 'DECODED_BODY_TOO_LARGE')
  })

  test(`a body in ${coding} that is cut off, or no such thing, gets 400`, async (t) => {
    const whole = encodeBodyNow(JSON.stringify({ text: 'words '.repeat(200) }), coding, 3)
    for (const body of [whole.subarray(0, -4), whole.subarray(0, 5), Buffer.from('{"plain":true}')]) {
      const answer = await post(echoApp(t), coding, body)
      assert.equal(answer.statusCode, 400)
      assert.equal(answer.json().code, 'MALFORMED_CODING')
    }
  })
}

test('a body of exactly the limit is read, one byte more is not', async (t) => {
  const app = echoApp(t, 100)
  const sized = (bytes: number): Buffer => gzipSync(`"${'x'.repeat(bytes - 2)}"`)
  assert.equal((await post(app, 'gzip', sized(100))).statusCode, 200)
  assert.equal((await post(app, 'gzip', sized(101))).statusCode, 413)
})

test('a coding that is not known gets 415 and is told which are', async (t) => {
  for (const coding of ['compress', 'gzip, br', 'deflate', 'utf-8']) {
    const answer = await post(echoApp(t), coding, Buffer.from('{}'))
    assert.equal(answer.statusCode, 415)
    assert.equal(answer.json().code, 'UNSUPPORTED_CODING')
    assert.equal(answer.headers['accept-encoding'], 'zstd, br, gzip')
  }
})

test('identity and x-gzip are read', async (t) => {
  assert.deepEqual((await post(echoApp(t), 'identity', Buffer.from('{"a":1}'))).json().got, { a: 1 })
  assert.deepEqual((await post(echoApp(t), 'X-GZip', gzipSync('{"a":1}'))).json().got, { a: 1 })
})

test('no body and no header makes it fail with 5xx', async (t) => {
  const app = echoApp(t, 1_000)
  const coding = fc.oneof(
    fc.constantFrom('gzip', 'br', 'zstd', 'identity'),
    fc.stringMatching(/^[ -~]{0,20}$/)
  )
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.uint8Array({ maxLength: 40 }).map((raw) => gzipSync(raw)),
    fc.tuple(fc.nat(60), fc.nat(255)).map(([at, value]) => {
      const body = gzipSync('{"some":"text, and some more of it"}')
      body[at % body.length] = value
      return body
    })
  )
  await fc.assert(
    fc.asyncProperty(coding, bytes, async (coding, body) => {
      const { statusCode } = await post(app, coding, Buffer.from(body))
      assert.ok(statusCode < 500, `${statusCode} for ${coding}`)
    }),
    { numRuns: 150 }
  )
})

test('a body that nobody reads, and that does not decompress, harms nobody', async (t) => {
  const app = echoApp(t)
  for (const type of ['image/png', undefined]) {
    const headers = { 'content-encoding': 'gzip', ...type === undefined ? {} : { 'content-type': type } }
    const answer = await app.inject({ method: 'POST', url: '/', headers, payload: Buffer.from('no gzip') })
    assert.equal(answer.statusCode, 415)
    await setImmediate()
  }
  assert.equal((await post(app, 'gzip', gzipSync('{}'))).statusCode, 200)
})
