import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CachedService, type Got, ok } from './cached-service.fixture.ts'

const modified = 'Sun, 15 Jun 2025 15:06:40 GMT'
const before = 'Sun, 15 Jun 2025 15:06:39 GMT'

async function warm (headers: Record<string, string> = {}, body = '0123456789'): Promise<CachedService> {
  const service = new CachedService({}, () => ok(body, headers))
  await service.get()
  return service
}

const ask = (service: CachedService, headers: Record<string, string>, method = 'GET'): Promise<Got> =>
  service.get({ headers, method })

test('the tag is the handler’s own where it is one, else a strong one of the body', async () => {
  for (const etag of ['"v1"', 'W/"v1"', '""']) {
    assert.equal((await (await warm({ etag })).get()).headers['etag'], etag)
  }
  const made = (await (await warm()).get()).headers['etag'] ?? ''
  assert.match(made, /^"[\w-]{27}"$/)
  assert.equal((await (await warm({ etag: 'no quotes' })).get()).headers['etag'], made)
  assert.notEqual((await (await warm({}, 'other')).get()).headers['etag'], made)
})

const named: readonly (readonly [header: string, etag: string, status: number])[] = [
  ['"v1"', '"v1"', 304],
  ['W/"v1"', '"v1"', 304],
  ['"v1"', 'W/"v1"', 304],
  ['"v2"', '"v1"', 200],
  ['"a", "b" , W/"v1","c"', '"v1"', 304],
  [',, "v1"', '"v1"', 304],
  ['"a,"v1",b"', '"v1"', 200],
  ['"a, \\"v1\\""', '"v1"', 200],
  ['*', '"v1"', 304],
  ['v1', '"v1"', 200],
  ['"v1', '"v1"', 200],
  ['"v1" "v2"', '"v1"', 200],
  ['w/"v1"', '"v1"', 200],
  ['', '"v1"', 200],
]

for (const [header, etag, status] of named) {
  test(`If-None-Match ${header} of ${etag} gives ${status}`, async () => {
    const service = await warm({
      etag,
      'last-modified': modified,
      'cache-control': 'max-age=60',
      link: '</x>',
    })
    const got = await ask(service, {
      'if-none-match': header,
      'if-modified-since': status === 304 ? before : modified,
    })
    assert.equal(got.status, status)
    assert.equal(service.runs, 1)
    if (status !== 304) return assert.equal(got.body, '0123456789')
    assert.equal(got.body, '')
    assert.deepEqual(Object.keys(got.headers).toSorted(), ['age', 'cache-control', 'cache-status', 'etag'])
  })
}

test('If-Modified-Since counts where there is no If-None-Match', async () => {
  const service = await warm({ 'last-modified': modified })
  assert.equal((await ask(service, { 'if-modified-since': modified })).status, 304)
  assert.equal((await ask(service, { 'if-modified-since': modified }, 'HEAD')).status, 304)
  assert.equal((await ask(service, { 'if-modified-since': before })).status, 200)
  for (
    const nonsense of ['yesterday', '', 'Mon, 15 Jun 2025 15:06:40 GMT', 'Sun, 31 Feb 2099 00:00:00 GMT']
  ) {
    assert.equal((await ask(service, { 'if-modified-since': nonsense })).status, 200, nonsense)
  }
  assert.equal((await ask(await warm(), { 'if-modified-since': modified })).status, 200)
})

test('the first answer, too, is a 304 when the client has what the route made', async () => {
  const service = new CachedService({}, () => ok('x', { etag: '"v1"' }))
  const got = await ask(service, { 'if-none-match': '"v1"' })
  assert.deepEqual([got.status, got.body, got.headers['cache-status']], [
    304,
    '',
    'plimsoll; fwd=miss; stored; ttl=10',
  ])
})

const parts: readonly (readonly [range: string, status: number, body: string, contentRange?: string])[] = [
  ['bytes=0-3', 206, '0123', 'bytes 0-3/10'],
  ['bytes=8-', 206, '89', 'bytes 8-9/10'],
  ['bytes=-3', 206, '789', 'bytes 7-9/10'],
  ['bytes=-99', 206, '0123456789', 'bytes 0-9/10'],
  ['bytes=5-99', 206, '56789', 'bytes 5-9/10'],
  ['BYTES = 9 - 9', 206, '9', 'bytes 9-9/10'],
  ['bytes=10-', 416, '', 'bytes */10'],
  ['bytes=-0', 416, '', 'bytes */10'],
  ['bytes=3-2', 200, '0123456789'],
  ['bytes=-', 200, '0123456789'],
  ['bytes=0-1,3-4', 200, '0123456789'],
  ['lines=0-1', 200, '0123456789'],
  ['bytes=0x1-2', 200, '0123456789'],
  ['bytes=1e1-', 200, '0123456789'],
  ['', 200, '0123456789'],
]

for (const [range, status, body, contentRange] of parts) {
  test(`Range ${range} gives ${status}`, async () => {
    for (const text of ['0123456789', undefined]) {
      // Once kept as text, once as bytes.
      const service = text === undefined ? new CachedService({}, bytes) : await warm({ etag: '"v1"' }, text)
      if (text === undefined) await service.get()
      const got = await ask(service, { range })
      assert.deepEqual([got.status, got.body, got.headers['content-range']], [status, body, contentRange])
      assert.equal(got.headers['content-length'], String(body.length))
      if (status === 206) assert.equal(got.headers['content-type'], 'application/json')
      assert.equal(service.runs, 1)
    }
  })
}

function bytes (): ReturnType<typeof ok> {
  return { ...ok('', { etag: '"v1"' }), body: Buffer.from('0123456789') }
}

test('If-Range: a part only of what the client has, by strong comparison', async () => {
  const service = await warm({ etag: '"v1"', 'last-modified': modified })
  const range = 'bytes=0-3'
  const statuses = ['"v1"', modified, '"v2"', 'W/"v1"', before].map(async (condition) =>
    (await ask(service, { range, 'if-range': condition })).status
  )
  assert.deepEqual(await Promise.all(statuses), [206, 206, 200, 200, 200])
  const weak = await warm({ etag: 'W/"v1"' })
  assert.equal((await ask(weak, { range, 'if-range': 'W/"v1"' })).status, 200)
})

test('a Range on HEAD, on what is not 200, and beside a matching If-None-Match is no part', async () => {
  const service = await warm({ etag: '"v1"' })
  assert.equal((await ask(service, { range: 'bytes=0-3' }, 'HEAD')).status, 200)
  assert.equal((await ask(service, { range: 'bytes=0-3', 'if-none-match': '"v1"' })).status, 304)
  const headers = { 'last-modified': modified }
  const gone = new CachedService({ negative: '1s' }, () => ({ status: 404, headers, body: '0123456789' }))
  await gone.get()
  assert.equal((await ask(gone, { range: 'bytes=0-3' })).status, 404)
  assert.equal((await ask(gone, { 'if-modified-since': modified })).status, 404)
})

test('the first answer to a Range is a part, and the whole is kept', async () => {
  const service = new CachedService({}, () => ok('0123456789'))
  assert.equal((await ask(service, { range: 'bytes=0-3' })).body, '0123')
  assert.equal((await service.get()).body, '0123456789')
  assert.equal(service.runs, 1)
})

test('bodies of any bytes come back as they were, and later writes of the handler do not reach them', async () => {
  const given = Buffer.allocUnsafeSlow(6)
  given.set([0, 127, 128, 255, 10, 13])
  const service = new CachedService({}, () => ({ ...ok(''), body: given }))
  await service.get()
  given.fill(0)
  const found = service.lookup()
  assert.ok(!(found instanceof Promise) && found.kind === 'answer')
  const body = found.body as Buffer
  assert.deepEqual([...body], [0, 127, 128, 255, 10, 13])
  assert.equal(body.buffer.byteLength, 6, 'it keeps a larger piece of memory alive')
  const text = new CachedService({}, () => ok('gr\u00fc\u00df \ud83d\ude00'))
  await text.get()
  const got = await text.get()
  assert.deepEqual([got.body, got.headers['content-length']], ['gr\u00fc\u00df \ud83d\ude00', '11'])
})
