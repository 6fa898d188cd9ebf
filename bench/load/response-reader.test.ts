import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ReadResponse, ResponseReader } from './response-reader.ts'

const chunked =
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n'
const withLength = 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello'

/** Feeds the text in pieces of `size` bytes; only the last piece may complete the response. */
function readInPieces (text: string, size: number): ReadResponse | undefined {
  const reader = new ResponseReader()
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += size) {
    const response = reader.read(bytes.subarray(at, at + size))
    if (at + size >= bytes.length) return response
    assert.equal(response, undefined, `complete after ${at + size} of ${bytes.length} bytes`)
  }
  return undefined
}

for (const size of [1, 2, 3, 7, 1000]) {
  test(`a response in pieces of ${size} bytes is complete with its last byte, not before`, () => {
    const expected = { statusCode: 200, closes: false }
    assert.deepEqual(readInPieces(withLength, size), { ...expected, bodyBytes: 5 })
    assert.deepEqual(readInPieces(chunked, size), { ...expected, bodyBytes: 11 })
  })
}

test('a response cut short is not completed by the end of its connection', () => {
  for (const text of [withLength.slice(0, -1), chunked.slice(0, -2), chunked.slice(0, 60)]) {
    const reader = new ResponseReader()
    assert.equal(reader.read(Buffer.from(text)), undefined)
    assert.equal(reader.begun, true)
    assert.equal(reader.end(), undefined)
  }
})

test('a response without a length is completed by the end of its connection', () => {
  const reader = new ResponseReader()
  assert.equal(reader.read(Buffer.from('HTTP/1.0 200 OK\r\n\r\nabc')), undefined)
  assert.deepEqual(reader.end(), { statusCode: 200, bodyBytes: 3, closes: true })
})

test('a response that announces the close says so', () => {
  const head = (extra: string): string => `HTTP/1.1 200 OK\r\n${extra}content-length: 0\r\n\r\n`
  assert.equal(readInPieces(head('Connection: close\r\n'), 1000)?.closes, true)
  assert.equal(readInPieces(head('Connection: keep-alive\r\n'), 1000)?.closes, false)
})

test('one reader reads the responses of a connection one after the other', () => {
  const reader = new ResponseReader()
  for (const text of [chunked, withLength, chunked]) {
    assert.equal(reader.begun, false)
    assert.equal(reader.read(Buffer.from(text))?.statusCode, 200)
  }
})

test('what is not HTTP, and bytes that nobody asked for, are errors', () => {
  assert.throws(() => new ResponseReader().read(Buffer.from('SSH-2.0\r\n\r\n')), /not a response/)
  assert.throws(() => new ResponseReader().read(Buffer.from(`${withLength}more`)), /bytes after/)
})
