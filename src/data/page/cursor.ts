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

/** What all cursors of a list are bound to. */
export interface ListBinding {
  readonly list: string
  readonly version: string
  readonly sort: string
}

/** All that a cursor is bound to, ready to be compared and signed. */
export interface CursorBinding {
  readonly list: string
  /** Digests of list, version, sort, filter and tenant. */
  readonly digests: Buffer
  /** All of it, with the length of each part before it, so that no two bindings look alike. */
  readonly text: string
}

/** In the order in which a cursor holds a digest of each, so that it can say which one does not fit. */
const reasons: readonly CursorReason[] = [
  'other-list',
  'other-version',
  'other-sort',
  'other-filter',
  'other-tenant',
]

/**
 * Prepares the bindings of a list's cursors, one for each request.
 *
 * @returns a function of the request's filter, in one spelling, and of its tenant
 */
export function bindingsOf (
  { list, version, sort }: ListBinding
): (filter: string, tenant: string | undefined) => CursorBinding {
  const digests = [list, version, sort].map(digestOf)
  const text = ['plimsoll-cursor-1', list, version, sort].map(measured).join('')
  return (filter, tenant) => {
    const owner = tenant === undefined ? '-' : `+${tenant}`
    return {
      list,
      digests: Buffer.concat([...digests, digestOf(filter), digestOf(owner)]),
      text: `${text}${measured(filter)}${measured(owner)}`,
    }
  }
}

/** Changed when the layout below changes: a cursor of another layout is malformed. */
const layout = 1
const digestBytes = 3
const headBytes = 2 + reasons.length * digestBytes
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
  const signature = keys.sign(signedText(head, binding, position.key))
  const cursor = Buffer.concat([head, signature, Buffer.from(position.key)]).toString('base64url')
  if (cursor.length > longestCursor) throw new CursorTooLongError(binding.list)
  return cursor
}

/** @throws Problem CURSOR_INVALID with the reason */
export function readCursor (cursor: string, binding: CursorBinding, keys: CursorKeys): Position {
  if (cursor.length > longestCursor || !/^[\w-]+$/.test(cursor)) throw cursorInvalid('malformed')
  const bytes = Buffer.from(cursor, 'base64url')
  const [shape = 0, flags = 0] = bytes
  if (bytes.length <= headBytes + signatureBytes || shape !== layout)
    throw cursorInvalid('malformed')
  const head = bytes.subarray(0, headBytes)
  const wrong = reasons.find((_, at) => !digestAt(head, at).equals(digestAt(binding.digests, at, 0)))
  if (wrong !== undefined) throw cursorInvalid(wrong)
  const signature = bytes.subarray(headBytes, headBytes + signatureBytes)
  const key = bytes.toString('utf8', headBytes + signatureBytes)
  if (!keys.verify(signedText(head, binding, key), signature)) throw cursorInvalid('forged')
  return { way: (flags & 1) === 0 ? 'forwards' : 'backwards', inclusive: (flags & 2) !== 0, key }
}

/** @throws Problem CURSOR_INVALID when the key is not one of so many columns */
export function keyValues (key: string, columns: number): KeyValues {
  const values: unknown = JSON.parse(key)
  if (Array.isArray(values) && values.length === columns) return values as KeyValues
  throw cursorInvalid('malformed')
}

function headOf ({ way, inclusive }: Position, { digests }: CursorBinding): Buffer {
  const flags = (way === 'backwards' ? 1 : 0) | (inclusive ? 2 : 0)
  return Buffer.concat([Buffer.from([layout, flags]), digests])
}

function digestAt (bytes: Buffer, at: number, start: number = 2): Buffer {
  return bytes.subarray(start + at * digestBytes, start + (at + 1) * digestBytes)
}

function digestOf (text: string): Buffer {
  return hash('sha256', text, 'buffer').subarray(0, digestBytes)
}

function signedText (head: Buffer, { text }: CursorBinding, key: string): string {
  return `${text}${measured(head.toString('base64url'))}${measured(key)}`
}

function measured (part: string): string {
  return `${part.length}:${part}`
}
