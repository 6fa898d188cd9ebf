import { crc32 } from 'node:zlib'
import type { StoredAnswer } from './stored-answer.ts'

/** Changes with the format, so that another release's values are misses. */
const mark = Buffer.from('PLC1')
const prefixBytes = 12

/**
 * An answer as bytes: the mark, a checksum of the rest, the length of the head; the head as JSON; the body.
 *
 * @see decodeAnswer
 */
export function encodeAnswer ({ body, ...head }: StoredAnswer): Uint8Array {
  const headBytes = Buffer.from(JSON.stringify(head))
  const bytes = Buffer.allocUnsafeSlow(prefixBytes + headBytes.length + body.length)
  mark.copy(bytes)
  bytes.writeUInt32BE(headBytes.length, 8)
  headBytes.copy(bytes, prefixBytes)
  body.copy(bytes, prefixBytes + headBytes.length)
  bytes.writeUInt32BE(crc32(bytes.subarray(8)), 4)
  return bytes
}

/**
 * Reads what {@link encodeAnswer} wrote.
 *
 * @param key under which it came
 * @returns undefined for anything else: cut off, altered, of another format, or written under another key
 */
export function decodeAnswer (value: Uint8Array, key: string): StoredAnswer | undefined {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  if (bytes.length < prefixBytes || !bytes.subarray(0, 4).equals(mark)) return undefined
  if (bytes.readUInt32BE(4) !== crc32(bytes.subarray(8))) return undefined
  const bodyAt = prefixBytes + bytes.readUInt32BE(8)
  if (bodyAt > bytes.length) return undefined
  const head: unknown = parse(bytes.toString('utf8', prefixBytes, bodyAt))
  if (!isHead(head) || head.key !== key) return undefined
  // A copy of its own: the value may be a part of something larger, which would be kept with it.
  const body = Buffer.allocUnsafeSlow(bytes.length - bodyAt)
  bytes.copy(body, 0, bodyAt)
  return { ...head, body }
}

function parse (json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

/** The checksum says that we wrote it; this, that it is of today's shape. */
function isHead (head: unknown): head is Omit<StoredAnswer, 'body'> {
  if (typeof head !== 'object' || head === null) return false
  const given = head as Readonly<Record<string, unknown>>
  const numbers = ['status', 'sequence', 'madeEpochMs', 'freshMs', 'staleWhileRevalidateMs', 'staleIfErrorMs']
  return typeof given['key'] === 'string' &&
    numbers.every((name) => Number.isFinite(given[name])) &&
    typeof given['neverStale'] === 'boolean' &&
    [given['headers'], given['tags']].every(isTexts) &&
    ['etag', 'version'].every((name) => given[name] === undefined || typeof given[name] === 'string')
}

function isTexts (value: unknown): boolean {
  return Array.isArray(value) && value.every((text) => typeof text === 'string')
}
