import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ProtocolError } from './protocol-error.ts'
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

const responses:
  readonly (readonly [title: string, text: string, isHead: boolean, expected: ReadResponse])[] = [
    ['a length', withLength, false, { statusCode: 200, bodyBytes: 5, closes: false }],
    ['chunks', chunked, false, { statusCode: 200, bodyBytes: 11, closes: false }],
    [
      'chunks with trailers',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\nA\r\n0123456789\r\n0\r\nETag: "x"\r\nA: b\r\n\r\n',
      false,
      { statusCode: 200, bodyBytes: 10, closes: false },
    ],
    [
      'an answer to HEAD, with the length of what is not there',
      'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n',
      true,
      { statusCode: 200, bodyBytes: 0, closes: false },
    ],
    ['204', 'HTTP/1.1 204 No Content\r\n\r\n', false, { statusCode: 204, bodyBytes: 0, closes: false }],
    [
      '304 with a length',
      'HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n',
      false,
      { statusCode: 304, bodyBytes: 0, closes: false },
    ],
    [
      'interim responses before',
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n${withLength}`,
      false,
      { statusCode: 200, bodyBytes: 5, closes: false },
    ],
    [
      'an empty reason, names in any case, blanks around values',
      'HTTP/1.1 503 \r\nCONTENT-LENGTH:  2\t\r\nconnection: x, Close\r\n\r\nno',
      false,
      { statusCode: 503, bodyBytes: 2, closes: true },
    ],
    [
      'HTTP/1.0 that stays open',
      'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx',
      false,
      { statusCode: 200, bodyBytes: 1, closes: false },
    ],
    [
      'both framings: the chunks count',
      'HTTP/1.1 200 OK\r\nContent-Length: 999\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n',
      false,
      { statusCode: 200, bodyBytes: 1, closes: false },
    ],
  ]

test('however a response is cut into pieces, it is the same response, and complete with its last byte', () => {
  for (const [title, text, isHead, expected] of responses) {
    const bytes = Buffer.from(text)
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length - 1)), (cuts) => {
        const reader = new ResponseReader()
        reader.expect(isHead)
        // One buffer for all, as the connections have: what was read before is overwritten.
        const shared = Buffer.alloc(bytes.length)
        const ends = [...new Set(cuts.filter((cut) => cut > 0)), bytes.length].toSorted((one, other) =>
          one - other
        )
        let from = 0
        for (const end of ends) {
          shared.fill('\r\n\r\n')
          bytes.copy(shared, 0, from, end)
          const response = reader.read(shared, end - from)
          assert.deepEqual(response, end === bytes.length ? expected : undefined, title)
          from = end
        }
      }),
      { numRuns: 50 }
    )
  }
})

test('a response that is kept has its head and its body, however it was cut', () => {
  for (const size of [1, 3, 1000]) {
    const reader = new ResponseReader()
    reader.expect(false, true)
    for (let at = 0; at < chunked.length; at += size) reader.read(Buffer.from(chunked.slice(at, at + size)))
    const { head, body } = reader.kept()
    assert.equal(head, 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked')
    assert.equal(body.toString(), 'hello world')
  }
})

for (
  const [title, text] of [
    ['a status that is none', 'HTTP/1.1 2x0 OK\r\n\r\n'],
    ['a status out of range', 'HTTP/1.1 700 OK\r\n\r\n'],
    ['HTTP/2 in text', 'HTTP/2.0 200 OK\r\n\r\n'],
    ['a length that is none', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n'],
    ['an endless length', `HTTP/1.1 200 OK\r\nContent-Length: ${'9'.repeat(20)}\r\n\r\n`],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n'],
    ['a field without a colon', 'HTTP/1.1 200 OK\r\nnonsense\r\n\r\n'],
    ['a chunk size that is none', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n'],
    [
      'a chunk longer than it says',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n',
    ],
    ['a head without an end', `HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(20_000)}`],
    ['101', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
  ] as const
) {
  test(`${title} is a protocol error`, () => {
    assert.throws(() => new ResponseReader().read(Buffer.from(text)), ProtocolError)
  })
}

test('no bytes make it throw anything but a protocol error', () => {
  const pieces = fc.constantFrom(
    'HTTP/1.1 200 OK',
    'HTTP/1.1 100 C',
    '\r\n',
    '\r',
    '\n',
    'Content-Length: 3',
    'Transfer-Encoding: chunked',
    'Connection: close',
    '3\r\nabc',
    '0',
    ':',
    ' ',
    'abc'
  ).map((text) => Buffer.from(text))
  const garbage = fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes))
  fc.assert(
    fc.property(fc.array(fc.oneof({ weight: 5, arbitrary: pieces }, garbage)), (chunks) => {
      const reader = new ResponseReader()
      try {
        for (const chunk of chunks) reader.read(chunk)
      } catch (error) {
        assert.ok(error instanceof ProtocolError, String(error))
      }
    }),
    { numRuns: 2000 }
  )
})
