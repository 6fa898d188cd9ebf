import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  type KeyObject,
  sign,
  timingSafeEqual,
  verify,
  type webcrypto,
} from 'node:crypto'
import { SettingError } from '../../../kernel/index.ts'
import { type SignatureAlgorithm, signatureBytes } from './algorithm.ts'
import { jwkThumbprint } from './thumbprint.ts'

/** Where a key comes from: exactly one of `jwk`, `pem` and `secret`. */
export interface KeyMaterial {
  /** How signatures name it (`keyid`). @default the key's thumbprint; a secret must be named */
  readonly id?: string
  /** Ed25519 (`OKP`) or P-256 (`EC`). */
  readonly jwk?: webcrypto.JsonWebKey
  /** SPKI for a public key, PKCS#8 or SEC1 for a private one. */
  readonly pem?: string
  /** Shared by both sides, for `hmac-sha256`: at least 32 bytes; text is taken as UTF-8. */
  readonly secret?: string | Uint8Array
}

/** Checks signatures of one key. */
export interface VerificationKey {
  readonly id: string
  /** Follows from the key; a signature that names another is refused. */
  readonly algorithm: SignatureAlgorithm
  /** Whose key it is, in your words: a partner, a tenant, an agent's URL. */
  readonly owner: string | undefined
  /** @param base the signature base, ASCII */
  verify(base: Buffer, signature: Uint8Array): boolean
}

/** Makes signatures with one key. */
export interface SigningKey {
  readonly id: string
  readonly algorithm: SignatureAlgorithm
  sign(base: Buffer): Buffer
}

/** @throws SettingError when it is not a key of one of the algorithms */
export function verificationKey (material: KeyMaterial & { readonly owner?: string }): VerificationKey {
  const { owner } = material
  const { id, key, algorithm } = readKey(material, 'public')
  const bytes = signatureBytes[algorithm]
  const matches = algorithm === 'hmac-sha256' ?
    (base: Buffer, signature: Uint8Array) =>
      timingSafeEqual(createHmac('sha256', key).update(base).digest(), signature) :
    algorithm === 'ed25519' ?
    (base: Buffer, signature: Uint8Array) => verify(null, base, key, signature) :
    (base: Buffer, signature: Uint8Array) =>
      verify('sha256', base, { key, dsaEncoding: 'ieee-p1363' }, signature)
  return {
    id,
    algorithm,
    owner,
    verify: (base, signature) => signature.byteLength === bytes && matches(base, signature),
  }
}

/** @throws SettingError when it is not a private key, or a secret, of one of the algorithms */
export function signingKey (material: KeyMaterial): SigningKey {
  const { id, key, algorithm } = readKey(material, 'private')
  if (algorithm === 'hmac-sha256') {
    return { id, algorithm, sign: (base) => createHmac('sha256', key).update(base).digest() }
  }
  if (algorithm === 'ed25519') return { id, algorithm, sign: (base) => sign(null, base, key) }
  return { id, algorithm, sign: (base) => sign('sha256', base, { key, dsaEncoding: 'ieee-p1363' }) }
}

interface ReadKey {
  readonly id: string
  readonly key: KeyObject
  readonly algorithm: SignatureAlgorithm
}

/** Errors never repeat the material: it may be a private key. */
function readKey ({ id, jwk, pem, secret }: KeyMaterial, kind: 'public' | 'private'): ReadKey {
  const given = [jwk, pem, secret].filter((one) => one !== undefined).length
  if (given !== 1) throw new SettingError('key', 'given as exactly one of jwk, pem and secret', given)
  if (id !== undefined && !/^[\x20-\x7e]{1,256}$/.test(id)) {
    throw new SettingError('key.id', '1 to 256 visible ASCII characters', id)
  }
  if (secret !== undefined) return readSecret(id, secret)
  const key = readAsymmetric(jwk, pem, kind)
  return { id: id ?? jwkThumbprint(key), key, algorithm: algorithmOf(key) }
}

function readSecret (id: string | undefined, secret: string | Uint8Array): ReadKey {
  const bytes = typeof secret === 'string' ? Buffer.from(secret, 'utf8') : Buffer.from(secret)
  if (id === undefined) throw new SettingError('key.id', 'given for a shared secret', undefined)
  // RFC 2104, 3: a key shorter than the hash's output weakens it.
  if (bytes.byteLength < 32) {
    throw new SettingError('key.secret', 'at least 32 bytes', `${bytes.byteLength} bytes`)
  }
  return { id, key: createSecretKey(bytes), algorithm: 'hmac-sha256' }
}

function readAsymmetric (
  jwk: webcrypto.JsonWebKey | undefined,
  pem: string | undefined,
  kind: 'public' | 'private'
): KeyObject {
  const make = kind === 'public' ? createPublicKey : createPrivateKey
  try {
    return jwk === undefined ? make(pem ?? '') : make({ key: jwk, format: 'jwk' })
  } catch {
    throw new SettingError('key', `a ${kind} key as JWK or PEM`, 'something that cannot be read as one')
  }
}

function algorithmOf (key: KeyObject): SignatureAlgorithm {
  if (key.asymmetricKeyType === 'ed25519') return 'ed25519'
  if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1') {
    return 'ecdsa-p256-sha256'
  }
  throw new SettingError('key', 'an Ed25519 or P-256 key', key.asymmetricKeyType)
}
