import type { Parameters } from 'structured-headers'
import { isSignatureAlgorithm, type SignatureAlgorithm } from './algorithm.ts'
import type { ReadPolicy } from './policy.ts'
import { refuse, type SignatureRefusal } from './reason.ts'

/** The parameters of a signature, of the right types. */
export interface SignatureClaims {
  /** Seconds since the Unix epoch. */
  readonly created: number | undefined
  /** Seconds since the Unix epoch. */
  readonly expires: number | undefined
  readonly nonce: string | undefined
  readonly keyId: string | undefined
  readonly tag: string | undefined
  readonly algorithm: SignatureAlgorithm | undefined
}

/** The longest nonce and key id, in characters: Web Bot Auth sends 88 and 43. */
const longestText = 256

/** @see https://www.rfc-editor.org/rfc/rfc9421#section-2.3 */
export function readClaims (parameters: Parameters): SignatureClaims | SignatureRefusal {
  const created = parameters.get('created')
  const expires = parameters.get('expires')
  const nonce = parameters.get('nonce')
  const keyId = parameters.get('keyid')
  const tag = parameters.get('tag')
  const algorithm = parameters.get('alg')
  if (!isSeconds(created)) return refuse('malformed', 'created')
  if (!isSeconds(expires) || (created !== undefined && expires !== undefined && expires <= created)) {
    return refuse('malformed', 'expires')
  }
  if (!isText(nonce)) return refuse('malformed', 'nonce')
  if (!isText(keyId)) return refuse('malformed', 'keyid')
  if (!isText(tag)) return refuse('malformed', 'tag')
  if (algorithm !== undefined && !isSignatureAlgorithm(algorithm))
    return refuse('algorithm-unsupported', 'alg')
  return { created, expires, nonce, keyId, tag, algorithm }
}

function isSeconds (value: unknown): value is number | undefined {
  return value === undefined || (typeof value === 'number' && Number.isInteger(value) && value >= 0)
}

function isText (value: unknown): value is string | undefined {
  return value === undefined || (typeof value === 'string' && value.length > 0 && value.length <= longestText)
}

/** What a policy says of the parameters, apart from the key. @returns undefined when it has no objection */
export function checkClaims (
  claims: SignatureClaims,
  policy: ReadPolicy,
  nowSeconds: number
): SignatureRefusal | undefined {
  for (const required of policy.requires) {
    const value = required === 'alg' ?
      claims.algorithm :
      required === 'keyid' ?
      claims.keyId :
      claims[required]
    if (value === undefined) return refuse('parameter-missing', required)
  }
  if (claims.algorithm !== undefined && !policy.algorithms.has(claims.algorithm)) {
    return refuse('algorithm-unsupported', 'alg')
  }
  return checkTimes(claims, policy, nowSeconds)
}

function checkTimes (
  { created, expires }: SignatureClaims,
  { maxAgeSeconds, skewSeconds }: ReadPolicy,
  nowSeconds: number
): SignatureRefusal | undefined {
  // Without either it would be valid for ever.
  if (created === undefined && expires === undefined) return refuse('parameter-missing', 'created')
  // Asked as "not within", so that a clock that says nothing (NaN) refuses.
  const latest = nowSeconds + skewSeconds
  const earliest = nowSeconds - skewSeconds
  if (created === undefined && !(expires! <= latest + maxAgeSeconds)) return refuse('too-old', 'expires')
  if (created !== undefined && !(created <= latest)) return refuse('created-in-future', 'created')
  if (created !== undefined && !(created + maxAgeSeconds >= earliest)) return refuse('too-old', 'created')
  if (expires !== undefined && !(expires >= earliest)) return refuse('expired', 'expires')
  return undefined
}

/** How long the signature could still be accepted, in milliseconds: as long its nonce has to be remembered. */
export function remainingMs (claims: SignatureClaims, policy: ReadPolicy, nowSeconds: number): number {
  const { created = Infinity, expires = Infinity } = claims
  const lastSeconds = Math.min(created + policy.maxAgeSeconds, expires) + policy.skewSeconds
  return Math.max(1, Math.ceil((lastSeconds - nowSeconds) * 1000) + 1)
}
