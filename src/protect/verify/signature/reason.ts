/** Why a signature was not accepted. Stable over releases: clients and dashboards match on it. */
export type SignatureReason =
  /** No signature, or none of those asked for (tag, key). */
  | 'missing'
  /** A field cannot be parsed, is too large, or names a component twice. */
  | 'malformed'
  /** The signature does not cover what the policy asks for. */
  | 'component-missing'
  /** A covered component, or a parameter of one, that this verifier does not know how to read. */
  | 'component-unsupported'
  /** A covered component that the request does not have. */
  | 'component-absent'
  /** A parameter of the signature that the policy asks for is not there. */
  | 'parameter-missing'
  | 'algorithm-unsupported'
  /** The algorithm named is not the one of the key. */
  | 'algorithm-mismatch'
  | 'created-in-future'
  | 'too-old'
  | 'expired'
  | 'unknown-key'
  /** The bytes of the signature are not those that the key makes of this request. */
  | 'mismatch'
  /** The nonce has been used before. */
  | 'replayed'
  /** There is a body, and no digest of it that can be checked. */
  | 'digest-missing'
  /** The body that the digest promises is not there at all. Another body than it promises shows later. */
  | 'digest-mismatch'
  /** Nobody could tell: the place that has the key does not answer. */
  | 'key-unavailable'
  /** Nobody could tell: the place that remembers nonces does not answer, or is full. */
  | 'replay-unavailable'

/** All of {@link SignatureReason}, for the slots of metrics. */
export const signatureReasons: readonly SignatureReason[] = [
  'missing',
  'malformed',
  'component-missing',
  'component-unsupported',
  'component-absent',
  'parameter-missing',
  'algorithm-unsupported',
  'algorithm-mismatch',
  'created-in-future',
  'too-old',
  'expired',
  'unknown-key',
  'mismatch',
  'replayed',
  'digest-missing',
  'digest-mismatch',
  'key-unavailable',
  'replay-unavailable',
]

/** A signature that was not accepted. */
export interface SignatureRefusal {
  readonly verified: false
  readonly reason: SignatureReason
  /** The component or parameter it is about, as the signature's own text; what a client can act on. */
  readonly about?: string
  /** The label of the signature, when one was looked at. */
  readonly label?: string
}

export function refuse (reason: SignatureReason, about?: string): SignatureRefusal {
  return about === undefined ? { verified: false, reason } : { verified: false, reason, about }
}
