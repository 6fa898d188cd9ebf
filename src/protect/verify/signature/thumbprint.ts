import { createHash, type KeyObject } from 'node:crypto'
import { SettingError } from '../../../kernel/index.ts'

/**
 * The SHA-256 thumbprint of a public key in base64url, 43 characters: what Web Bot Auth calls `keyid`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7638#section-3
 * @see https://www.rfc-editor.org/rfc/rfc8037#appendix-A.3
 */
export function jwkThumbprint (key: KeyObject): string {
  const { kty, crv, x, y } = key.export({ format: 'jwk' })
  // The required members of each kind, in the order of their names, without white space.
  const members = kty === 'OKP' ? { crv, kty, x } : kty === 'EC' ? { crv, kty, x, y } : undefined
  if (members === undefined) throw new SettingError('key', 'an Ed25519 or P-256 key for a thumbprint', kty)
  return createHash('sha256').update(JSON.stringify(members)).digest('base64url')
}
