import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto'
import { SettingError } from '../../kernel/index.ts'

/** Bytes of a signature: half of SHA-256, which is as far as RFC 2104 (section 5) advises to cut. */
export const signatureBytes = 16

/** Signs cursors and knows its own signatures. */
export interface CursorKeys {
  /** @returns {@link signatureBytes} bytes */
  sign(text: string): Buffer
  /** Whether one of the keys has signed this text; in constant time for each key. */
  verify(text: string, signature: Uint8Array): boolean
}

const mostKeys = 8
const leastBytes = 32

/**
 * Keys for cursors: the first signs, all are accepted. To change one without breaking a page that a client holds,
 * put the new key first, and take the old one out when no cursor of it matters any more. All processes that serve
 * the same lists need the same keys.
 *
 * @param secrets 1 to 8, each of at least 32 bytes, e.g. from `openssl rand -base64 32`
 * @throws SettingError for other numbers and shorter secrets; it never shows one
 */
export function cursorKeys (secrets: readonly (string | Uint8Array)[]): CursorKeys {
  if (secrets.length === 0 || secrets.length > mostKeys) {
    throw new SettingError('cursorKeys', `1 to ${mostKeys} secrets`, secrets.length)
  }
  const keys = secrets.map((secret) => {
    const bytes = typeof secret === 'string' ? Buffer.from(secret, 'utf8') : secret
    if (bytes.byteLength >= leastBytes) return createSecretKey(bytes)
    throw new SettingError(
      'cursorKeys',
      `secrets of at least ${leastBytes} bytes`,
      `${bytes.byteLength} bytes`
    )
  })
  const [signing] = keys as [KeyObject]
  return {
    sign: (text) => signatureOf(signing, text),
    verify: (text, signature) =>
      signature.byteLength === signatureBytes &&
      keys.some((key) => timingSafeEqual(signatureOf(key, text), signature)),
  }
}

function signatureOf (key: KeyObject, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest().subarray(0, signatureBytes)
}
