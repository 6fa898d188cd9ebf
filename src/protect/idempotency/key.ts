import { parseItem } from 'structured-headers'

/** The longest key, in characters. */
export const longestKey = 255

/** A string without escapes, which is what nearly every client sends. */
const plainString = /^"([\x20-\x21\x23-\x5b\x5d-\x7e]{1,255})"$/
/** What clients send that do not know of structured fields: a UUID, a ULID, base64. */
const bare = /^[A-Za-z0-9!#$%&'*+\-.^_`|~/:=@]{1,255}$/

/**
 * Reads `Idempotency-Key`: one structured-field string. Parameters are ignored, as RFC 8941 wants it of
 * parameters that nobody defined.
 *
 * @param value the header as Node gives it; several lines of it are no key
 * @param strict refuses a value without quotes; else `abc` and `"abc"` are the same key
 * @returns the key, 1 to 255 printable ASCII characters, or undefined when there is none to be read
 * @see https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header
 * @see https://www.rfc-editor.org/rfc/rfc8941#section-3.3.3
 */
export function readKey (value: string | readonly string[], strict: boolean): string | undefined {
  if (typeof value !== 'string') return undefined
  const plain = plainString.exec(value)
  if (plain !== null) return plain[1]
  if (!strict && bare.test(value)) return value
  // Each character may be escaped, and there may be parameters: beyond that nothing is worth parsing.
  if (value.length > 4 * longestKey) return undefined
  try {
    const [key] = parseItem(value)
    return typeof key === 'string' && key.length >= 1 && key.length <= longestKey ? key : undefined
  } catch {
    return undefined
  }
}
