import { createPublicKey, type webcrypto } from 'node:crypto'
import { jwkThumbprint, type VerificationKey, verificationKey } from '../signature/index.ts'

/** A key that an agent publishes, and when it may be used. */
export interface DirectoryKey {
  readonly key: VerificationKey
  /** Seconds since the Unix epoch. */
  readonly notBefore: number
  /** Seconds since the Unix epoch. */
  readonly expires: number
}

/** The keys of one directory, by thumbprint. */
export type DirectoryKeys = ReadonlyMap<string, DirectoryKey>

/**
 * The keys of Web Bot Auth directories that anyone can sign with, because their private halves stand in RFC 9421:
 * the Ed25519 and the P-256 key of its appendix B.
 */
export const publishedTestKeys: readonly string[] = [
  'poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U',
  'ydQXMtvbsOsZyFir-Y7A8t7fKEM1gbKPvyFkdpu4fvI',
]

/**
 * Reads a JSON Web Key Set.
 *
 * A key that is of another kind than Ed25519 and P-256, meant for something else than signatures, labelled with
 * another name than its thumbprint, or published together with its private half, is passed over: the others of
 * the set are good all the same.
 *
 * @param owner the agent
 * @returns undefined when the text is no key set, or one of more than `mostKeys`
 */
export function readDirectory (text: string, owner: string, mostKeys: number): DirectoryKeys | undefined {
  const set = parsed(text)
  if (typeof set !== 'object' || set === null || !('keys' in set) || !Array.isArray(set.keys))
    return undefined
  if (set.keys.length > mostKeys) return undefined
  const keys = new Map<string, DirectoryKey>()
  for (const entry of set.keys as readonly unknown[]) {
    const key = readKey(entry, owner)
    if (key !== undefined) keys.set(key.key.id, key)
  }
  return keys
}

function readKey (entry: unknown, owner: string): DirectoryKey | undefined {
  if (typeof entry !== 'object' || entry === null) return undefined
  const { kty, crv, x, y, kid, use, d, nbf = 0, exp = Infinity } = entry as Readonly<Record<string, unknown>>
  if ((use !== undefined && use !== 'sig') || d !== undefined) return undefined
  if (typeof nbf !== 'number' || typeof exp !== 'number') return undefined
  const isKnown = (kty === 'OKP' && crv === 'Ed25519') || (kty === 'EC' && crv === 'P-256')
  if (!isKnown || typeof x !== 'string') return undefined
  const jwk: webcrypto.JsonWebKey = { kty, crv, x, ...(typeof y === 'string' ? { y } : {}) }
  try {
    const id = jwkThumbprint(createPublicKey({ key: jwk, format: 'jwk' }))
    if (kid !== undefined && kid !== id) return undefined
    return { key: verificationKey({ id, jwk, owner }), notBefore: nbf, expires: exp }
  } catch {
    return undefined
  }
}

function parsed (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
