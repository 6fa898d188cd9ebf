import { LocalValueError } from './errors.ts'
import type { LocalValue } from './local-client.ts'

/**
 * A value on its way and in the store: JSON text, or bytes in base64 behind a mark that no JSON begins
 * with. Text is safe on any channel, counts its own size, and is a copy.
 */
export type Encoded = string

const bytesMark = '#'

/** @throws LocalValueError when JSON cannot say it: a function, a bigint, a circle, or nothing at all */
export function encode (key: string, value: LocalValue): Encoded {
  if (value instanceof Uint8Array) {
    return bytesMark + Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
  }
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch {
    // Told below, like what JSON leaves out.
  }
  if (text === undefined)
    throw new LocalValueError(key, 'cannot be kept: only JSON values and Uint8Array can')
  return text
}

export function decode (encoded: Encoded): LocalValue {
  if (!encoded.startsWith(bytesMark)) return JSON.parse(encoded)
  return new Uint8Array(Buffer.from(encoded.slice(bytesMark.length), 'base64'))
}

export type Operation =
  | { readonly kind: 'ping' }
  | { readonly kind: 'get'; readonly key: string }
  | {
    readonly kind: 'set'
    readonly key: string
    readonly value: Encoded
    readonly ttlMs?: number | undefined
  }
  | { readonly kind: 'delete'; readonly key: string }
  | {
    readonly kind: 'increment'
    readonly key: string
    readonly by: number
    readonly ttlMs?: number | undefined
  }
  | {
    readonly kind: 'compareAndSet'
    readonly key: string
    /** Null for no key: undefined would be lost in JSON. */
    readonly expected: Encoded | null
    readonly next: Encoded | null
    readonly ttlMs?: number | undefined
  }
  | { readonly kind: 'publish'; readonly topic: string; readonly message: Encoded }
  | { readonly kind: 'subscribe'; readonly topic: string }
  | { readonly kind: 'unsubscribe'; readonly topic: string }

export interface Request {
  readonly id: number
  readonly operation: Operation
}

/** What an operation gives: a value, a flag, a number, or nothing. */
export type Result = Encoded | boolean | number | null

export type Reply =
  | { readonly id: number; readonly result: Result }
  | { readonly id: number; readonly refused: { readonly key: string; readonly reason: string } }
  | { readonly topic: string; readonly message: Encoded }
