import { hash } from 'node:crypto'

/** Longer values, in characters, stand by their hash. */
const valueLimit = 100

/**
 * A text that is equal for equal parameters. Values of different kinds differ (`1` and `'1'`); a date, a buffer and an
 * object are what they hold.
 */
export function parameterKey (values: readonly unknown[] | undefined): string {
  return values === undefined ? '' : values.map(valueKey).join('\u0001')
}

/** A list among the parameters asks for several rows at once: that is what a batching loader does. */
export function isBatch (values: readonly unknown[] | undefined): boolean {
  return values !== undefined && values.some((value) => Array.isArray(value) && value.length > 1)
}

function valueKey (value: unknown): string {
  if (typeof value === 'string') return bounded('s', value)
  if (value === null || typeof value !== 'object') return `${typeof value}:${String(value)}`
  if (value instanceof Date) return `d:${value.getTime()}`
  if (value instanceof Uint8Array) {
    const { buffer, byteOffset, length } = value
    return bounded('b', Buffer.from(buffer, byteOffset, length).toString('latin1'))
  }
  try {
    return bounded('o', JSON.stringify(value) ?? '')
  } catch {
    return 'o:?'
  }
}

function bounded (kind: string, text: string): string {
  return text.length <= valueLimit ? `${kind}:${text}` : `${kind}#${hash('sha1', text)}`
}
