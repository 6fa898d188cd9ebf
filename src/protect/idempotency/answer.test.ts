import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keep, keepsStatus, keepWhole, keptHeaders } from './answer.ts'

const limits = { maxBodyBytes: 10, headers: keptHeaders(['X-Order']) }

test('what belongs to one client, connection or message is never kept, whatever its case', () => {
  const { headers } = keep({
    status: 201,
    headers: {
      'Set-Cookie': ['a=1', 'b=2'],
      connection: 'close',
      date: 'now',
      'x-request-id': 'r1',
      'transfer-encoding': 'chunked',
      'content-length': 2,
      'retry-after': 1,
      'x-other': 'y',
      Location: '/orders/1',
      'x-order': 7,
      link: ['</a>', '</b>'],
      etag: undefined,
    },
    body: '{}',
  }, limits)
  assert.deepEqual(headers, [['location', '/orders/1'], ['x-order', '7'], ['link', '</a>'], ['link', '</b>']])
})

test('a header that must not be replayed cannot be asked for', () => {
  for (
    const name of [
      'Set-Cookie',
      'Connection',
      'Date',
      'X-Request-Id',
      'RateLimit',
      'Proxy-Authenticate',
      'a b',
    ]
  ) {
    assert.throws(() => keptHeaders([name]), { code: 'SETTING_INVALID', setting: 'idempotency.keepHeaders' })
  }
})

test('answers that end the operation are kept; those that ask to come back, and failures, are not', () => {
  const kept = Array.from({ length: 500 }, (_, at) => at + 100).filter((status) => !keepsStatus(status))
  const expected = [
    ...Array.from({ length: 100 }, (_, at) => at + 100),
    408,
    409,
    425,
    429,
    ...Array.from({ length: 100 }, (_, at) => at + 500),
  ]
  assert.deepEqual(kept, expected)
})

test('bytes are kept as they are, up to the limit; beyond it a transaction is told and a record has no body', () => {
  const bytes = new Uint8Array([0, 255, 195, 40]).subarray(1)
  assert.deepEqual(keep({ status: 200, headers: {}, body: bytes }, limits).body, Buffer.from([255, 195, 40]))
  assert.deepEqual(keep({ status: 200, headers: {}, body: 'é' }, limits).body, Buffer.from([195, 169]))
  assert.deepEqual(keep({ status: 200, headers: {}, body: undefined }, limits).body, Buffer.alloc(0))
  assert.equal(keep({ status: 200, headers: {}, body: 'x'.repeat(10) }, limits).body?.length, 10)
  for (const body of ['x'.repeat(11), null]) {
    assert.equal(keep({ status: 200, headers: {}, body }, limits).body, undefined)
    assert.throws(() => keepWhole({ status: 200, headers: {}, body }, limits), {
      code: 'IDEMPOTENCY_ANSWER_TOO_LARGE',
      limit: 10,
    })
  }
})
