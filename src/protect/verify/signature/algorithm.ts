/**
 * Algorithms that are verified and signed with. RSA is left out: its signatures are 4 to 8 times as long in
 * a header, and no client that we met needs it.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9421#section-3.3
 */
export const signatureAlgorithms = ['ed25519', 'ecdsa-p256-sha256', 'hmac-sha256'] as const

/** One of {@link signatureAlgorithms}. */
export type SignatureAlgorithm = (typeof signatureAlgorithms)[number]

/** Bytes of every signature of an algorithm; one of another length is wrong without looking at the key. */
export const signatureBytes: Readonly<Record<SignatureAlgorithm, number>> = {
  'ed25519': 64,
  'ecdsa-p256-sha256': 64,
  'hmac-sha256': 32,
}

export function isSignatureAlgorithm (name: unknown): name is SignatureAlgorithm {
  return signatureAlgorithms.some((algorithm) => algorithm === name)
}
