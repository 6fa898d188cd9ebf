import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { gunzipSync, gzipSync } from 'node:zlib'
import { CachedService, ok } from './cached-service.fixture.ts'
import type { Encoder } from './encoder.ts'

const text = JSON.stringify({ text: 'again and '.repeat(200) })

/** Encodes in the next turn, and counts. */
class CountingEncoder implements Encoder {
  readonly encodings = ['br', 'gzip']
  made: string[] = []
  failing = false

  worthwhile (contentType: string | undefined, bytes: number): boolean {
    return contentType === 'application/json' && bytes > 100
  }

  async encode (body: Uint8Array, encoding: string): Promise<Uint8Array> {
    this.made.push(encoding)
    await nextTurn()
    if (this.failing) throw new Error('no more threads')
    return encoding === 'gzip' ? gzipSync(body) : gzipSync(body, { level: 9 }).subarray(0, 40)
  }
}

async function warm (body = text, headers = {}): Promise<[CachedService, CountingEncoder]> {
  const encoder = new CountingEncoder()
  const service = new CachedService({}, () => ok(body, headers), { encoder })
  await service.get()
  return [service, encoder]
}

const accepting = (encoding: string, more = {}): object => ({
  headers: { 'accept-encoding': encoding, ...more },
})

test('an answer is encoded once, beside the requests, which get the plain form until it is there', async () => {
  const [service, encoder] = await warm()
  for (let time = 0; time < 3; time++) {
    const plain = await service.get(accepting('gzip'))
    assert.deepEqual([plain.headers['content-encoding'], plain.body], [undefined, text])
  }
  await nextTurn()
  const found = service.lookup(accepting('gzip'))
  assert.ok(!(found instanceof Promise) && found.kind === 'answer')
  assert.equal(gunzipSync(found.body as Buffer).toString(), text)
  const { headers } = await service.get(accepting('gzip'))
  assert.equal(headers['content-encoding'], 'gzip')
  assert.equal(headers['content-length'], String(found.body?.length))
  assert.equal(headers['vary'], 'accept-encoding')
  assert.deepEqual(encoder.made, ['gzip'])
  assert.equal(service.runs, 1)
})

test('each form has a tag of its own, and a client that has one of those it takes gets a 304', async () => {
  const [service] = await warm(text, { etag: '"v1"' })
  const ask = async (encoding: string, tag: string): Promise<(string | number | undefined)[]> => {
    const { status, headers } = await service.get(accepting(encoding, { 'if-none-match': tag }))
    return [status, headers['etag']]
  }
  assert.deepEqual(await ask('gzip', '"v1-gzip"'), [304, '"v1-gzip"'], 'before it is there')
  await nextTurn()
  assert.deepEqual(await ask('gzip', '"v1-gzip"'), [304, '"v1-gzip"'])
  assert.deepEqual(await ask('gzip', '"v1"'), [304, '"v1"'])
  assert.deepEqual(await ask('identity', '"v1-gzip"'), [200, '"v1"'])
  assert.deepEqual(await ask('gzip', '"v1-br"'), [200, '"v1-gzip"'])
  const [weak] = await warm(text, { etag: 'W/"v1"' })
  await weak.get(accepting('gzip'))
  await nextTurn()
  assert.equal((await weak.get(accepting('gzip'))).headers['etag'], 'W/"v1"')
})

test('the client’s order of encodings counts, then ours; who takes none gets the plain form', async () => {
  const [service, encoder] = await warm()
  for (
    const header of [
      'gzip, br',
      'br;q=0.1, gzip',
      '*',
      'identity',
      'gzip;q=0',
      '',
      'deflate',
      'x'.repeat(500),
    ]
  ) {
    await service.get(accepting(header))
    await nextTurn()
  }
  assert.deepEqual(encoder.made, ['br', 'gzip'])
})

test('what is not worth it is not encoded', async () => {
  const [small, smallEncoder] = await warm('{}')
  await small.get(accepting('gzip'))
  const [image, imageEncoder] = await warm(text, { 'content-type': 'image/png' })
  await image.get(accepting('gzip'))
  assert.deepEqual([smallEncoder.made, imageEncoder.made], [[], []])
})

test('a form that fails or gets no smaller is not tried again; the plain one is served, and the failure said', async () => {
  const [service, encoder] = await warm()
  encoder.failing = true
  for (let time = 0; time < 3; time++) {
    assert.equal((await service.get(accepting('gzip'))).body, text)
    await nextTurn()
  }
  assert.deepEqual(encoder.made, ['gzip'])
  assert.deepEqual(service.notices.map(({ reason }) => reason), ['the encoder'])
  const [noise, noiseEncoder] = await warm(
    Buffer.from(gzipSync(text)).toString('latin1').repeat(9).slice(0, 120)
  )
  noiseEncoder.encode = async (body) => Buffer.concat([body, body])
  await noise.get(accepting('gzip'))
  await nextTurn()
  assert.equal((await noise.get(accepting('gzip'))).headers['content-encoding'], undefined)
})

test('encoded forms are counted in memory, and a part is always of the plain one', async () => {
  const [service] = await warm()
  const before = service.cache.stats.bytes
  await service.get(accepting('gzip'))
  await nextTurn()
  const after = service.cache.stats.bytes
  assert.ok(after > before, `${after} after ${before}`)
  const part = await service.get(accepting('gzip', { range: 'bytes=0-3' }))
  assert.deepEqual([part.status, part.body, part.headers['content-encoding']], [
    206,
    text.slice(0, 4),
    undefined,
  ])
})

test('a route may say in which encodings, or in none', async () => {
  const encoder = new CountingEncoder()
  const service = new CachedService({ encodings: [] }, () => ok(text), { encoder })
  await service.get()
  const { headers } = await service.get(accepting('gzip'))
  assert.deepEqual([headers['vary'], encoder.made], [undefined, []])
})

test('at most four answers are encoded at once', async () => {
  const encoder = new CountingEncoder()
  const service = new CachedService({}, () => ok(text), { encoder })
  const urls = Array.from({ length: 6 }, (_, at) => `/things/${at}`)
  for (const url of urls) await service.get({ url })
  for (const url of urls) service.lookup({ url, ...accepting('gzip') })
  assert.equal(encoder.made.length, 4)
  await nextTurn()
  for (const url of urls) service.lookup({ url, ...accepting('gzip') })
  assert.equal(encoder.made.length, 6)
})
