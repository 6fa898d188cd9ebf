import { ProtocolError } from './protocol-error.ts'

/** How the length of a response's body is told. */
export type Framing = 'length' | 'chunked' | 'until-close'

/** What of a response's head decides where the response ends. */
export interface ResponseHead {
  statusCode: number
  /** HTTP/1.0, or `Connection: close`. */
  closes: boolean
  framing: Framing
  /** Of the framing `length`. */
  length: number
}

const colon = 0x3a
const lineFeed = 0x0a
const carriageReturn = 0x0d
const space = 0x20
const tab = 0x09
const zero = 0x30
const lowerCase = 0x20

const start = bytesOf('HTTP/1.')
const contentLength = bytesOf('content-length')
const transferEncoding = bytesOf('transfer-encoding')
const connection = bytesOf('connection')

/**
 * Reads a head in place, without a copy and without text: of its fields only those that frame the message
 * (RFC 9112, 6.3) are looked at.
 *
 * @param from index of the first byte
 * @param end index after the empty line
 * @param head is filled in
 * @throws ProtocolError
 */
export function readHead (bytes: Uint8Array, from: number, end: number, head: ResponseHead): void {
  const minor = readStatusLine(bytes, from, head)
  head.framing = 'until-close'
  head.length = -1
  let chunked: boolean | undefined
  let closes: boolean | undefined
  let at = lineEnd(bytes, from, end) + 2
  while (at < end - 2) {
    const lineAt = lineEnd(bytes, at, end)
    const colonAt = nameEnd(bytes, at, lineAt)
    switch (colonAt - at) {
      case contentLength.length:
        if (is(bytes, at, contentLength)) head.length = readLength(bytes, colonAt + 1, lineAt, head.length)
        break
      case transferEncoding.length:
        if (is(bytes, at, transferEncoding)) {
          chunked = /(?:^|,)[ \t]*chunked[ \t]*$/i.test(text(bytes, colonAt + 1, lineAt))
        }
        break
      case connection.length:
        if (is(bytes, at, connection)) closes = readConnection(bytes, colonAt + 1, lineAt) ?? closes
        break
    }
    at = lineAt + 2
  }
  head.closes = closes ?? minor === 0
  // Of both, Transfer-Encoding decides (RFC 9112, 6.3).
  if (chunked === true) head.framing = 'chunked'
  else if (chunked === undefined && head.length >= 0) head.framing = 'length'
}

/** Whether bytes can still become a response. */
export function mayBegin (bytes: Uint8Array, from: number, end: number): boolean {
  for (let at = 0; at < start.length && from + at < end; at++) {
    if (bytes[from + at] !== start[at]) return false
  }
  return true
}

/** @returns the minor version */
function readStatusLine (bytes: Uint8Array, from: number, head: ResponseHead): number {
  const minor = (bytes[from + 7] ?? 0) - zero
  let statusCode = 0
  for (let at = from + 9; at < from + 12; at++) {
    const digit = (bytes[at] ?? 0) - zero
    statusCode = digit >= 0 && digit <= 9 ? statusCode * 10 + digit : Number.NaN
  }
  const after = bytes[from + 12]
  const fits = mayBegin(bytes, from, from + start.length) && (minor === 0 || minor === 1) &&
    bytes[from + 8] === space && statusCode >= 100 && statusCode <= 599 &&
    (after === space || after === carriageReturn)
  if (!fits) throw new ProtocolError(`not a response: ${JSON.stringify(text(bytes, from, from + 40))}`)
  head.statusCode = statusCode
  return minor
}

/** @returns the index of the line's carriage return */
function lineEnd (bytes: Uint8Array, from: number, end: number): number {
  let at = from
  while (at < end && bytes[at] !== lineFeed) at++
  if (bytes[at - 1] !== carriageReturn) throw new ProtocolError('a line of the head ends without a return')
  return at - 1
}

/** @returns the index of the colon */
function nameEnd (bytes: Uint8Array, from: number, lineAt: number): number {
  let at = from
  while (at < lineAt) {
    const byte = bytes[at]
    if (byte === colon && at > from) return at
    if (byte === space || byte === tab) break
    at++
  }
  throw new ProtocolError(
    `not a header field: ${JSON.stringify(text(bytes, from, Math.min(lineAt, from + 40)))}`
  )
}

function is (bytes: Uint8Array, from: number, name: Uint8Array): boolean {
  for (let at = 0; at < name.length; at++) {
    const byte = bytes[from + at] ?? 0
    const folded = byte >= 0x41 && byte <= 0x5a ? byte | lowerCase : byte
    if (folded !== name[at]) return false
  }
  return true
}

function readLength (bytes: Uint8Array, from: number, lineAt: number, before: number): number {
  let at = from
  let end = lineAt
  while (at < end && isBlank(bytes[at])) at++
  while (end > at && isBlank(bytes[end - 1])) end--
  let length = 0
  const wrong = end === at || end - at > 15
  for (; at < end; at++) {
    const digit = (bytes[at] ?? 0) - zero
    length = digit >= 0 && digit <= 9 ? length * 10 + digit : Number.NaN
  }
  if (wrong || Number.isNaN(length) || (before >= 0 && before !== length)) {
    throw new ProtocolError(`not a Content-Length: ${JSON.stringify(text(bytes, from, lineAt).slice(0, 40))}`)
  }
  return length
}

/** @returns `undefined` when it says neither */
function readConnection (bytes: Uint8Array, from: number, lineAt: number): boolean | undefined {
  const value = text(bytes, from, lineAt).trim().toLowerCase()
  if (value === 'keep-alive') return false
  if (value === 'close') return true
  const options = new Set(value.split(',').map((option) => option.trim()))
  if (options.has('close')) return true
  return options.has('keep-alive') ? false : undefined
}

function isBlank (byte: number | undefined): boolean {
  return byte === space || byte === tab
}

function text (bytes: Uint8Array, from: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .toString('latin1', from, Math.min(end, bytes.length))
}

function bytesOf (name: string): Uint8Array {
  return Uint8Array.from(Buffer.from(name))
}
