import { type SigningKey, signingKey, type VerificationKey, verificationKey } from './key.ts'
import type { SignedRequest } from './signed-request.ts'

// The keys and messages of RFC 9421, appendix B. They are public: never use them outside tests.

const p256 = {
  kty: 'EC',
  crv: 'P-256',
  x: 'qIVYZVLCrPZHGHjP17CTW0_-D9Lfw0EkjqF7xB4FivA',
  y: 'Mc4nN9LTDOBhfoUeg8Ye9WedFRhnZXZJA12Qp0zZ6F0',
}
const ed25519 = { kty: 'OKP', crv: 'Ed25519', x: 'JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs' }
const shared = Buffer.from(
  'uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==',
  'base64'
)

/** Appendix B.1, those of the algorithms that are verified here. */
export const rfcKeys: readonly VerificationKey[] = [
  verificationKey({ id: 'test-key-ed25519', jwk: ed25519 }),
  verificationKey({ id: 'test-key-ecc-p256', jwk: p256 }),
  verificationKey({ id: 'test-shared-secret', secret: shared }),
]

export const rfcSigningKeys: readonly SigningKey[] = [
  signingKey({
    id: 'test-key-ed25519',
    jwk: { ...ed25519, d: 'n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU' },
  }),
  signingKey({
    id: 'test-key-ecc-p256',
    jwk: { ...p256, d: 'UpuF81l-kOxbjf7T4mNSv0r5tN67Gim7rnf6EFpcYDs' },
  }),
  signingKey({ id: 'test-shared-secret', secret: shared }),
]

/** `created` of all examples, in seconds. */
export const rfcCreated = 1_618_884_473

/** Appendix B.2, test-request. */
export function testRequest (...more: readonly string[]): SignedRequest {
  return {
    method: 'POST',
    target: '/foo?param=Value&Pet=dog',
    scheme: 'https',
    authority: 'example.com',
    rawHeaders: [
      'Host',
      'example.com',
      'Date',
      'Tue, 20 Apr 2021 02:07:55 GMT',
      'Content-Type',
      'application/json',
      'Content-Digest',
      'sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:',
      'Content-Length',
      '18',
      ...more,
    ],
    hasBody: true,
  }
}

/** The body of test-request. */
export const testBody = '{"hello": "world"}'

/** Fields of a signature, as they are sent. */
export function signed (input: string, signature: string): readonly string[] {
  return ['Signature-Input', input, 'Signature', signature]
}

/** A GET of `/demo` at example.org with a query, appendix B.4. */
export function demoRequest (changes: Partial<SignedRequest> = {}): SignedRequest {
  return {
    method: 'GET',
    target: '/demo?name1=Value1&Name2=value2',
    scheme: 'https',
    authority: 'example.org',
    rawHeaders: [],
    hasBody: false,
    ...changes,
  }
}
