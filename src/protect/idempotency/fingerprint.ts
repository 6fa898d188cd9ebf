import canonicalize from 'canonicalize'
import { createHash, type Hash } from 'node:crypto'

/** What a key belongs to: the same key of two tenants, or on two routes, is two keys. */
export interface KeyScope {
  readonly tenant: string | undefined
  readonly method: string
  /** As declared, e.g. `/orders/:id`. */
  readonly pattern: string
}

/** What must be the same when a request is repeated. */
export interface FingerprintInput {
  readonly tenant: string | undefined
  readonly method: string
  /** Path and query as requested. */
  readonly target: string
  /** Parsed JSON, or the bytes or text of anything else; undefined for none. */
  readonly body: unknown
  /** Stands for a body that is not read as a whole, e.g. its verified Content-Digest. */
  readonly digest?: string | undefined
}

/** @returns 32 bytes, whatever the key holds: what is stored tells nothing of it */
export function lookupKey ({ tenant, method, pattern }: KeyScope, key: string): Buffer {
  const hash = createHash('sha256')
  for (
    const part of ['plimsoll-key-1', tenant ?? '', tenant === undefined ? '-' : '+', method, pattern, key]
  ) {
    addPart(hash, part)
  }
  return hash.digest()
}

/**
 * SHA-256 over the request, with JSON in the canonical form of RFC 8785: blanks and the order of members do not
 * matter, anything else does.
 *
 * @returns undefined when the body has no canonical form (a number that became infinite, a lone surrogate)
 * @see https://www.rfc-editor.org/rfc/rfc8785
 */
export function fingerprint (input: FingerprintInput): Buffer | undefined {
  const { tenant, method, target, body, digest } = input
  const hash = createHash('sha256')
  for (const part of ['plimsoll-request-1', tenant ?? '', tenant === undefined ? '-' : '+', method, target]) {
    addPart(hash, part)
  }
  if (digest !== undefined) addPart(hash, `digest ${digest}`)
  else if (body === undefined) addPart(hash, 'none')
  else if (typeof body === 'string' || body instanceof Uint8Array) {
    addPart(hash, 'bytes')
    addPart(hash, body)
  } else {
    const text = canonical(body)
    if (text === undefined) return undefined
    addPart(hash, 'json')
    addPart(hash, text)
  }
  return hash.digest()
}

function canonical (body: unknown): string | undefined {
  try {
    return canonicalize(body)
  } catch {
    return undefined
  }
}

/** Its length goes before each part, so that no two lists of parts look alike. */
function addPart (hash: Hash, part: string | Uint8Array): void {
  hash.update(`${typeof part === 'string' ? Buffer.byteLength(part) : part.byteLength}:`)
  hash.update(part)
}
