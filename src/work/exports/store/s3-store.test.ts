import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { finished } from 'node:stream/promises'
import { test, type TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { type ManualClock, manualClock, systemClock } from '../../../kernel/index.ts'
import type { FileStore } from './file-store.ts'
import { type Mishap, type MockS3, mockS3, type SeenRequest, wrongSignature } from './s3-mock.fixture.ts'
import { s3Store, type S3StoreOptions } from './s3-store.ts'
import { type OpenedStore, sourceOf, testFileStore } from './store.contract.ts'

async function openMock (t: TestContext): Promise<MockS3> {
  const mock = await mockS3()
  t.after(() => mock.close())
  return mock
}

function storeOn ({ endpoint, bucket, credentials }: MockS3, more: Partial<S3StoreOptions> = {}): FileStore {
  return s3Store({ endpoint, bucket, credentials, random: () => 0, ...more })
}

async function open (t: TestContext): Promise<OpenedStore> {
  const mock = await openMock(t)
  const store = storeOn(mock, { prefix: 'exports' })
  await store.prepare()
  return {
    store,
    afterAll: () => systemClock.epochMs() + 1_000,
    async breakOffWrite (name) {
      const kill = { fits: ({ method }: SeenRequest) => method === 'DELETE', happens: 'slow-down' } as const
      mock.mishaps.push(kill, kill, kill, kill, kill)
      const half = async function* (): AsyncGenerator<Uint8Array> {
        yield Buffer.alloc(9_000_000)
        throw new Error('killed')
      }
      await assert.rejects(store.write(name, half()), /killed/)
      assert.equal(mock.uploads.size, 1)
    },
  }
}

testFileStore('S3 (a mock, no real store)', open)

/** The examples of Amazon's documentation: they test the mock's own check. */
const documented = [
  ['GET', '/test.txt', 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41', {
    range: 'bytes=0-9',
  }, ''],
  [
    'GET',
    '/?max-keys=2&prefix=J',
    '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
    {},
    '',
  ],
  [
    'PUT',
    '/test%24file.text',
    '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
    { date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' },
    'Welcome to Amazon S3.',
  ],
] as const
const documentedKeys = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
}

test("the mock's check of signatures agrees with the documented examples", () => {
  for (const [method, path, signature, more, body] of documented) {
    const url = new URL(path, 'https://examplebucket.s3.amazonaws.com')
    const bytes = Buffer.from(body)
    const signed: Record<string, string> = {
      ...more,
      host: url.host,
      'x-amz-content-sha256': sha256Of[body]!,
      'x-amz-date': '20130524T000000Z',
    }
    const names = Object.keys(signed).toSorted().join(';')
    const credential = `${documentedKeys.accessKeyId}/20130524/us-east-1/s3/aws4_request`
    const authorize = (signature: string): Record<string, string> => ({
      ...signed,
      authorization:
        `AWS4-HMAC-SHA256 Credential=${credential},SignedHeaders=${names},Signature=${signature}`,
    })
    const check = (signature: string): string | undefined =>
      wrongSignature({ method, headers: authorize(signature) }, url, bytes, documentedKeys)
    assert.equal(check(signature), undefined, path)
    assert.equal(check(signature.replace(/^./, 'x')), 'SignatureDoesNotMatch')
  }
})

const sha256Of: Readonly<Record<string, string>> = {
  '': 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  'Welcome to Amazon S3.': '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072',
}

test('other keys are refused, and no other try is made', async (t) => {
  const mock = await openMock(t)
  const store = storeOn(mock, { credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'other' } })
  await assert.rejects(store.prepare(), { code: 'FILE_STORE_UNAVAILABLE', reason: 'SignatureDoesNotMatch' })
  assert.equal(mock.seen.length, 1)
  await assert.rejects(storeOn(mock, { bucket: 'other' }).prepare(), { reason: 'NoSuchBucket' })
})

test('keys that change are asked for before each request', async (t) => {
  const mock = await openMock(t)
  let asked = 0
  const store = storeOn(mock, {
    credentials: async () => {
      asked++
      return mock.credentials
    },
  })
  await store.write('a', sourceOf([Buffer.from('x')]))
  await store.read('a').then(text)
  assert.equal(asked, 2)
})

const passing: readonly (readonly [string, Mishap['happens']])[] = [
  ['a busy store', 'slow-down'],
  ['an answer that was lost', 'lost'],
  ['an error after the answer had begun with 200', 'error-in-200'],
]
const steps: readonly (readonly [string, (request: SeenRequest) => boolean])[] = [
  ['begins', ({ method, query }) => method === 'POST' && query.has('uploads')],
  ['sends a piece of', ({ query }) => query.get('partNumber') === '2'],
  ['finishes', ({ method, query }) => method === 'POST' && query.has('uploadId')],
]

for (const [what, happens] of passing) {
  for (const [step, fits] of steps) {
    if (happens === 'error-in-200' && step !== 'finishes') continue
    test(`${what} when it ${step} an upload is got over`, async (t) => {
      const mock = await openMock(t)
      const store = storeOn(mock)
      mock.mishaps.push({ fits, happens })
      const bytes = Buffer.alloc(17_000_000, 'abc')
      const pieces = Array.from(
        { length: 17 },
        (_, at) => bytes.subarray(at * 1_000_000, (at + 1) * 1_000_000)
      )
      assert.equal(await store.write('f', sourceOf(pieces)), bytes.length)
      assert.equal(await text(await store.read('f')), bytes.toString())
      assert.equal(mock.mishaps.length, 0)
    })
  }
}

test('what is larger than a piece is sent as pieces, none of them empty', async (t) => {
  const mock = await openMock(t)
  await storeOn(mock).write('f', sourceOf([Buffer.alloc(9_000_000)]))
  const numbers = mock.seen.map(({ query }) => query.get('partNumber')).filter((number) => number !== null)
  assert.deepEqual(numbers, ['1'])
})

test('an upload that has gone before it was finished is no file', async (t) => {
  const mock = await openMock(t)
  const drop = (request: SeenRequest): boolean => {
    if (request.method === 'POST' && request.query.has('uploadId'))
      (mock.uploads as Map<string, unknown>).clear()
    return false
  }
  mock.mishaps.push({ fits: drop, happens: 'hang' })
  const store = storeOn(mock)
  const two = sourceOf([Buffer.alloc(9_000_000), Buffer.alloc(9_000_000)])
  await assert.rejects(store.write('f', two), { reason: 'NoSuchUpload' })
  await assert.rejects(store.read('f'), { code: 'FILE_MISSING' })
})

test('bytes that were damaged on their way are refused', async (t) => {
  const mock = await openMock(t)
  mock.mishaps.push({ fits: ({ method }) => method === 'PUT', happens: 'damaged' })
  await assert.rejects(storeOn(mock).write('a', sourceOf([Buffer.from('x')])), { reason: 'BadDigest' })
})

test('a store that never answers is given up after the timeout, five times', async (t) => {
  const mock = await openMock(t)
  const hang = { fits: () => true, happens: 'hang' } as const
  mock.mishaps.push(hang, hang, hang, hang, hang)
  const clock = manualClock()
  const store = storeOn(mock, { clock, timeout: '2s' })
  const failing = assert.rejects(store.prepare(), {
    code: 'FILE_STORE_UNAVAILABLE',
    reason: 'no answer in time',
  })
  for (let tries = 1; tries <= 5; tries++) {
    while (mock.seen.length < tries) {
      clock.advance(1) // the pauses between tries
      await new Promise((resolve) => setImmediate(resolve))
    }
    clock.advance(2_000)
  }
  await failing
  assert.equal(mock.seen.length, 5)
})

test('an upload that the store does not read, and an answer that stalls, are sent anew after the timeout', async (t) => {
  const mock = await openMock(t)
  const clock = manualClock()
  const store = storeOn(mock, { clock, timeout: '2s' })
  const upload = ({ method }: SeenRequest): boolean => method === 'PUT'
  mock.mishaps.push({ fits: upload, happens: 'unread' })
  const bytes = Buffer.alloc(7_000_000, 'abc')
  const writing = store.write('f', sourceOf([bytes]))
  await untilSeen(mock, 2, clock)
  assert.equal(await writing, bytes.length)
  assert.deepEqual(mock.seen.map(({ method }) => method), ['PUT', 'PUT'])

  mock.mishaps.push({ fits: () => true, happens: 'stall' })
  const listing = store.list('')[Symbol.asyncIterator]().next()
  await untilSeen(mock, 4, clock)
  assert.equal((await listing).value?.name, 'f')
})

test('a download that stalls goes on where it was, and errs when the file is another one by then', async (t) => {
  const mock = await openMock(t)
  const clock = manualClock()
  const store = storeOn(mock, { clock, idle: '2s' })
  const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, at) => at % 251))
  for (const [start, end] of [[0, undefined], [0, 50_000], [100, 60_000], [7, undefined]] as const) {
    await store.write('f', sourceOf([bytes]))
    const wanted = bytes.subarray(start, (end ?? Infinity) + 1)
    mock.mishaps.push({ fits: ({ method }) => method === 'GET', happens: 'stall' })
    const stream = await store.read('f', { start, end })
    const pieces: Buffer[] = []
    stream.on('data', (piece: Buffer) => pieces.push(piece))
    const seen = mock.seen.length
    await untilSeen(mock, seen + 1, clock, () => Buffer.concat(pieces).length === wanted.length >> 1)
    await finished(stream)
    assert.ok(Buffer.concat(pieces).equals(wanted))
    const half = start + (wanted.length >> 1)
    assert.equal(mock.seen.at(-1)!.range, `bytes=${half}-${start + wanted.length - 1}`)
  }

  mock.mishaps.push({ fits: ({ method }) => method === 'GET', happens: 'stall' })
  const stream = await store.read('f')
  await store.write('f', sourceOf([Buffer.alloc(bytes.length)]))
  let read = 0
  stream.on('data', (piece: Buffer) => read += piece.length)
  const failing = assert.rejects(finished(stream), { code: 'FILE_STORE_UNAVAILABLE', message: /replaced/ })
  await untilSeen(mock, mock.seen.length + 1, clock, () => read === bytes.length / 2)
  await failing
})

/** Once `ready`, lets the time of two seconds pass, and the pauses until the mock has seen so many requests. */
async function untilSeen (
  mock: MockS3,
  requests: number,
  clock: ManualClock,
  ready: () => boolean = () => mock.seen.length === requests - 1
): Promise<void> {
  while (!ready()) await turn()
  await turn()
  clock.advance(2_000)
  while (mock.seen.length < requests) {
    await turn()
    clock.advance(1)
  }
}

test('a signal ends what is under way at once', async (t) => {
  const mock = await openMock(t)
  mock.mishaps.push({ fits: ({ method }) => method === 'PUT', happens: 'hang' })
  const controller = new AbortController()
  const writing = storeOn(mock).write('a', sourceOf([Buffer.from('x')]), controller.signal)
  while (mock.seen.length === 0) await new Promise((resolve) => setImmediate(resolve))
  controller.abort(new Error('cancelled'))
  await assert.rejects(writing, /cancelled/)
})

test('a link gives the file to whoever has it, as what it was said to be', async (t) => {
  const mock = await openMock(t)
  const store = storeOn(mock, { prefix: 'some' })
  await store.write('a/b', sourceOf([Buffer.from('hello')]))
  const disposition = 'attachment; filename="a b.csv"'
  const link = await store.link!('a/b', { forMs: 60_000, type: 'text/csv', disposition })
  const answer = await fetch(link)
  assert.equal(await answer.text(), 'hello')
  assert.equal(answer.headers.get('content-type'), 'text/csv')
  assert.equal(answer.headers.get('content-disposition'), disposition)
  const other = new URL(link)
  other.pathname += 'x'
  assert.equal((await fetch(other)).status, 403)
  const longer = link.replace('X-Amz-Expires=60', 'X-Amz-Expires=6000')
  assert.notEqual(longer, link)
  assert.equal((await fetch(longer)).status, 403)
})

test('a bucket stands in the path, or before the host where Amazon wants it so', async () => {
  const linkOf = async (options: Partial<S3StoreOptions>): Promise<string> => {
    const store = s3Store({
      endpoint: 'https://s3.eu-central-1.amazonaws.com',
      bucket: 'mine',
      credentials: documentedKeys,
      ...options,
    })
    const { host, pathname } = new URL(await store.link!('a', { forMs: 1_000 }))
    return host + pathname
  }
  assert.equal(await linkOf({}), 'mine.s3.eu-central-1.amazonaws.com/a')
  assert.equal(await linkOf({ address: 'path' }), 's3.eu-central-1.amazonaws.com/mine/a')
  assert.equal(await linkOf({ endpoint: 'http://minio:9000/base' }), 'minio:9000/base/mine/a')
})

test('options that cannot be are refused', () => {
  const options = { endpoint: 'http://minio:9000', bucket: 'mine', credentials: documentedKeys }
  assert.throws(() => s3Store({ ...options, endpoint: 'minio:9000' }), { code: 'SETTING_INVALID' })
  assert.throws(() => s3Store({ ...options, bucket: '../other' }), { code: 'SETTING_INVALID' })
  assert.throws(() => s3Store({ ...options, prefix: '../other' }), { code: 'SETTING_INVALID' })
  assert.throws(() => s3Store({ ...options, timeout: 'soon' as never }), { code: 'SETTING_INVALID' })
})
