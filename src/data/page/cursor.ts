import { hash } from 'node:crypto'
import { type CursorKeys, signatureBytes } from './cursor-keys.ts'
import { cursorInvalid, type CursorReason } from './problems.ts'
import type { KeyValues } from './ranges.ts'

/** A place between two rows, and the way to go from there. */
export interface Position {
  readonly way: 'forwards' | 'backwards'
  /** Whether the row that the key names lies on that way itself, rather than just behind. */
  readonly inclusive: boolean
  /** The row's values in the order's columns, as a JSON array. */
  readonly key: string
}

/** All that a cursor is bound to. */
export interface CursorBinding {
  readonly list: string
  readonly version: string
  readonly sort: string
  readonly filter: string
  readonly tenant: string | undefined
}

/** In the order in which a cursor holds a digest of each, so that it can say which one does not fit. */
const bound: readonly (readonly [keyof CursorBinding, CursorReason])[] = [
  ['list', 'other-list'],
  ['version', 'other-version'],
  ['sort', 'other-sort'],
  ['filter', 'other-filter'],
  ['tenant', 'other-tenant'],
]

/** Changed when the layout below changes: a cursor of another layout is malformed. */
const layout = 1
const digestBytes = 3
const headBytes = 2 + bound.length * digestBytes
const longestCursor = 4_096

/** A row's key makes a cursor longer than a URL should hold. */
export class CursorTooLongError extends Error {
  override readonly name = 'CursorTooLongError'
  /** Stable over releases: match on this, not on the message. */
  readonly code = 'CURSOR_TOO_LONG'

  constructor (list: string) {
    super(
      `a row of "${list}" makes a cursor of more than ${longestCursor} characters; ` +
        'sort by something shorter, e.g. left(name, 200), with an index on it'
    )
  }
}

/**
 * Layout: 1 byte layout, 1 byte way and inclusive, 5 x 3 bytes digests of what it is bound to, 16 bytes signature
 * over all of it and the full binding, then the key; in base64url.
 *
 * The digests only tell an honest client what is wrong; what keeps a cursor where it belongs is the signature. The
 * key is signed, not encrypted.
 *
 * @throws CursorTooLongError
 */
export function writeCursor (position: Position, binding: CursorBinding, keys: CursorKeys): string {
  const head = headOf(position, binding)
  const signature = keys.sign(signedParts(head, binding, position.key))
  const cursor = Buffer.concat([head, signature, Buffer.from(position.key)]).toString('base64url')
  if (cursor.length > longestCursor) throw new CursorTooLongError(binding.list)
  return cursor
}

/** @throws Problem CURSOR_INVALID with the reason */
export function readCursor (cursor: string, binding: CursorBinding, keys: CursorKeys): Position {
  if (cursor.length > longestCursor || !/^[\w-]+$/.test(cursor)) throw cursorInvalid('malformed')
  const bytes = Buffer.from(cursor, 'base64url')
  const [shape = 0, flags = 0] = bytes
  if (bytes.length <= headBytes + signatureBytes || shape !== layout || flags > 3)
    throw cursorInvalid('malformed')
  const head = bytes.subarray(0, headBytes)
  const wrong = bound.findIndex(([name], at) => !digestOf(binding[name]).equals(digestAt(head, at)))
  if (wrong >= 0) throw cursorInvalid(bound[wrong]![1])
  const signature = bytes.subarray(headBytes, headBytes + signatureBytes)
  const key = bytes.toString('utf8', headBytes + signatureBytes)
  if (!keys.verify(signedParts(head, binding, key), signature)) throw cursorInvalid('forged')
  return { way: (flags & 1) === 0 ? 'forwards' : 'backwards', inclusive: (flags & 2) !== 0, key }
}

/** @throws Problem CURSOR_INVALID when the key is not one of so many columns */
export function keyValues (key: string, columns: number): KeyValues {
  const values: unknown = JSON.parse(key)
  if (Array.isArray(values) && values.length === columns) return values as KeyValues
  throw cursorInvalid('malformed')
}

function headOf ({ way, inclusive }: Position, binding: CursorBinding): Buffer {
  const flags = (way === 'backwards' ? 1 : 0) | (inclusive ? 2 : 0)
  return Buffer.concat([Buffer.from([layout, flags]), ...bound.map(([name]) => digestOf(binding[name]))])
}

function digestAt (head: Buffer, at: number): Buffer {
  const start = 2 + at * digestBytes
  return head.subarray(start, start + digestBytes)
}

function digestOf (text: string | undefined): Buffer {
  return hash('sha256', text === undefined ? '-' : `+${text}`, 'buffer').subarray(0, digestBytes)
}

function signedParts (head: Buffer, binding: CursorBinding, key: string): (string | Uint8Array)[] {
  const { list, version, sort, filter, tenant } = binding
  const owner = tenant === undefined ? '-' : `+${tenant}`
  return ['plimsoll-cursor-1', head, list, version, sort, filter, owner, key]
}
