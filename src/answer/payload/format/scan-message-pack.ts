/** What keeps a MessagePack body from being read; `undefined` for one that is fine. */
export type ScanFault = string | undefined

export interface ScanLimits {
  /** Arrays and maps inside each other. */
  readonly maxDepth: number
}

/** An array or a map that is not over yet. */
interface Frame {
  left: number
  readonly isMap: boolean
  /** The next item of a map is a key. */
  atKey: boolean
  /** It is the value of a key named `constructor`. */
  readonly underConstructor: boolean
}

/** Bytes that follow a token which is neither text nor a container; what is not named here is refused. */
const fixedSize: Readonly<Record<number, number>> = {
  0xc0: 0,
  0xc2: 0,
  0xc3: 0,
  0xca: 4,
  0xcb: 8,
  0xcc: 1,
  0xcd: 2,
  0xce: 4,
  0xcf: 8,
  0xd0: 1,
  0xd1: 2,
  0xd2: 4,
  0xd3: 8,
}

/**
 * Walks over a MessagePack body without making anything of it: one value, whole, not too deep, of nothing but
 * what JSON has a word for. What reads it afterwards can neither be sent into a deep recursion nor be made to
 * run an extension. An array or a map that says more than the body holds ends where the body ends.
 *
 * @see https://github.com/msgpack/msgpack/blob/master/spec.md
 */
export function scanMessagePack (bytes: Buffer, { maxDepth }: ScanLimits): ScanFault {
  const stack: Frame[] = []
  let at = 0
  let named = ''
  do {
    const frame = stack.at(-1)
    const token = bytes[at++]
    if (token === undefined) return 'is cut off'
    const isKey = frame?.atKey === true
    const text = textSize(bytes, token, at)
    if (text !== undefined) {
      at = text.start + text.size
      if (at > bytes.length) return 'is cut off'
      if (isKey) {
        named = text.size <= 11 ? bytes.toString('latin1', text.start, at) : ''
        if (named === '__proto__') return 'has a key named "__proto__"'
        if (named === 'prototype' && frame?.underConstructor === true)
          return 'has a key named "prototype" below "constructor"'
      }
    } else if (isKey) {
      return 'has a key that is no text'
    } else if (isContainer(token)) {
      const { count, start, isMap } = containerOf(bytes, token, at)
      at = start
      if (at > bytes.length) return 'is cut off'
      if (count > 0) {
        if (stack.length >= maxDepth) return `is deeper than ${maxDepth} levels`
        stack.push({
          left: count,
          isMap,
          atKey: isMap,
          underConstructor: frame?.isMap === true && named === 'constructor',
        })
        continue
      }
    } else {
      const size = token < 0x80 || token >= 0xe0 ? 0 : fixedSize[token]
      if (size === undefined) return refusal(token)
      at += size
      if (at > bytes.length) return 'is cut off'
    }
    leave(stack)
  } while (stack.length > 0)
  return at === bytes.length ? undefined : 'goes on after its end'
}

/** An item is over, and with it every container whose last it was. */
function leave (stack: Frame[]): void {
  for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
    frame.left--
    if (frame.isMap) frame.atKey = !frame.atKey
    if (frame.left > 0) return
    stack.pop()
  }
}

function textSize (
  bytes: Buffer,
  token: number,
  at: number
): { readonly size: number; readonly start: number } | undefined {
  if (token >= 0xa0 && token <= 0xbf) return { size: token & 0x1f, start: at }
  if (token < 0xd9 || token > 0xdb) return undefined
  const width = 1 << (token - 0xd9)
  return { size: at + width > bytes.length ? Infinity : bytes.readUIntBE(at, width), start: at + width }
}

function isContainer (token: number): boolean {
  return (token >= 0x80 && token <= 0x9f) || (token >= 0xdc && token <= 0xdf)
}

/** @returns how many items follow: two for each entry of a map */
function containerOf (
  bytes: Buffer,
  token: number,
  at: number
): { readonly count: number; readonly start: number; readonly isMap: boolean } {
  if (token < 0x90) return { count: (token & 0x0f) * 2, start: at, isMap: true }
  if (token < 0xa0) return { count: token & 0x0f, start: at, isMap: false }
  const isMap = token >= 0xde
  const width = token === 0xdc || token === 0xde ? 2 : 4
  if (at + width > bytes.length) return { count: Infinity, start: at, isMap }
  return { count: bytes.readUIntBE(at, width) * (isMap ? 2 : 1), start: at + width, isMap }
}

function refusal (token: number): string {
  if (token >= 0xc4 && token <= 0xc6)
    return 'holds binary data; send it as text (base64), or as a body of its own'
  if (token === 0xc1) return 'holds a token that does not exist'
  return 'holds an extension type; send times as text (RFC 3339)'
}
