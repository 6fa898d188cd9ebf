import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { manualClock } from '../../../kernel/index.ts'
import { keySet } from './key-source.ts'
import { type SigningKey, signingKey, type VerificationKey, verificationKey } from './key.ts'
import type { SignatureReason } from './reason.ts'
import { signRequest, type SignRequestOptions } from './sign-request.ts'
import type { SignedRequest } from './signed-request.ts'
import { SignatureVerifier, type SignatureVerifierOptions, type Verification } from './verifier.ts'

// A partner that signs orders, and what verifies them.

/** The partner's. */
export const pair: { readonly publicKey: KeyObject; readonly privateKey: KeyObject } = generateKeyPairSync(
  'ed25519'
)
export const signer: SigningKey = signingKey({ id: 'partner', pem: pem(pair.privateKey, 'pkcs8') })
export const key: VerificationKey = verificationKey({
  id: 'partner',
  pem: pem(pair.publicKey, 'spki'),
  owner: 'acme',
})
/** Of the requests that {@link sent} makes. */
export const body = '{"amount":12}'
/** What the clocks say, in milliseconds since the epoch. */
export const nowMs = 1_700_000_000_000
const url = 'https://api.example.com/orders?page=2'

export function pem (of: KeyObject, type: 'pkcs8' | 'spki'): string {
  const text = of.export({ format: 'pem', type })
  return text.toString()
}

/** What a client sends that signs with `options`, and what `changes` does to it on the way. */
export function sent (
  options: Partial<SignRequestOptions> = {},
  changes: Partial<SignedRequest> = {}
): SignedRequest {
  const given = { method: 'POST', url, body, key: signer, clock: manualClock(nowMs), ...options }
  const target = new URL(given.url)
  const headers = Object.entries({ ...given.headers, ...signRequest(given) })
  return {
    method: given.method,
    target: target.pathname + target.search,
    scheme: 'https',
    authority: target.host,
    rawHeaders: headers.flatMap(([name, value]) => [name, String(value)]),
    hasBody: given.body !== undefined && given.body.length > 0,
    ...changes,
  }
}

export function verifierOf (options: Partial<SignatureVerifierOptions> = {}): SignatureVerifier {
  return new SignatureVerifier({ keys: keySet([key]), clock: manualClock(nowMs), ...options })
}

export function reasonOf (verification: Verification | Promise<Verification>): SignatureReason | 'verified' {
  assert.ok(!(verification instanceof Promise), 'nothing is waited for')
  return verification.verified ? 'verified' : verification.reason
}

/** A GET signed by hand: what `signRequest` would not write. */
export function byHand (components: readonly string[], parameters: string): SignedRequest {
  const input = `(${components.join(' ')})${parameters};keyid="partner"`
  const lines = [...components.map((one) => `${one}: GET`), `"@signature-params": ${input}`]
  const signature = signer.sign(Buffer.from(lines.join('\n'))).toString('base64')
  return {
    method: 'GET',
    target: '/',
    scheme: 'https',
    authority: 'a',
    hasBody: false,
    rawHeaders: ['Signature-Input', `s=${input}`, 'Signature', `s=:${signature}:`],
  }
}
