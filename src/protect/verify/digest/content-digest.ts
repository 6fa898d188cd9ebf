import { createHash } from 'node:crypto'
import { isInnerList, parseDictionary } from 'structured-headers'

/** Digests that are checked. Others of the registry are passed over: they are broken, or no hash at all. */
export type DigestAlgorithm = 'sha-256' | 'sha-512'

/** What a body must hash to; at least one of them. */
export type ExpectedDigest = Readonly<Partial<Record<DigestAlgorithm, Buffer>>>

const bytes: Readonly<Record<DigestAlgorithm, number>> = { 'sha-256': 32, 'sha-512': 64 }
const longestField = 1_024

/**
 * Reads a `Content-Digest` field.
 *
 * @returns undefined when it holds no digest that can be checked, or cannot be parsed
 * @see https://www.rfc-editor.org/rfc/rfc9530#section-2
 */
export function readContentDigest (field: string): ExpectedDigest | undefined {
  if (field.length > longestField) return undefined
  let members: ReturnType<typeof parseDictionary>
  try {
    members = parseDictionary(field)
  } catch {
    return undefined
  }
  const expected: Partial<Record<DigestAlgorithm, Buffer>> = {}
  for (const algorithm of ['sha-256', 'sha-512'] as const) {
    const member = members.get(algorithm)
    if (member === undefined) continue
    const [value] = member
    if (isInnerList(member) || !(value instanceof ArrayBuffer)) return undefined
    if (value.byteLength !== bytes[algorithm]) return undefined
    expected[algorithm] = Buffer.from(value)
  }
  return expected['sha-256'] === undefined && expected['sha-512'] === undefined ? undefined : expected
}

/** The value of a `Content-Digest` field for a body, as it is sent: after any content coding. */
export function contentDigest (body: string | Uint8Array, algorithm: DigestAlgorithm = 'sha-256'): string {
  return `${algorithm}=:${createHash(algorithm.replace('-', '')).update(body).digest('base64')}:`
}
