import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { signingKey, verificationKey } from './key.ts'
import { rfcKeys, rfcSigningKeys } from './rfc9421.fixture.ts'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })

test('a key without a name is called by its thumbprint: that of RFC 8037, A.3', () => {
  const x = '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'
  const key = verificationKey({ jwk: { kty: 'OKP', crv: 'Ed25519', x } })
  assert.equal(key.id, 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k')
})

test('PEM and JWK of one key are one key, public or private, of either curve', () => {
  const pem = p256.publicKey.export({ format: 'pem', type: 'spki' }).toString()
  const key = verificationKey({ pem })
  const signer = signingKey({ jwk: p256.privateKey.export({ format: 'jwk' }) })
  assert.equal(signer.id, key.id)
  const base = Buffer.from('base')
  assert.equal(key.verify(base, signer.sign(base)), true)
  assert.equal(key.verify(Buffer.from('bass'), signer.sign(base)), false)
})

test('every algorithm verifies what it signs, and each key its own only', () => {
  const base = Buffer.from('"@method": GET')
  for (const [at, signer] of rfcSigningKeys.entries()) {
    const signature = signer.sign(base)
    assert.deepEqual(rfcKeys.map((key) => key.verify(base, signature)), [0, 1, 2].map((own) => own === at))
  }
})

test('other keys, short secrets and contradictions are refused at boot, and the message holds no key', () => {
  const secret = 'a-secret-that-is-too-short'
  const wrong = [
    {},
    { secret: 'x'.repeat(40) },
    { id: 's', secret },
    { id: 's', secret: 'x'.repeat(40), pem: 'x' },
    { id: '', secret: 'x'.repeat(40) },
    { pem: 'no key' },
    { jwk: { kty: 'OKP', crv: 'Ed25519', x: 'short' } },
    { pem: rsa.publicKey.export({ format: 'pem', type: 'spki' }).toString() },
    { jwk: p384.publicKey.export({ format: 'jwk' }) },
  ]
  for (const material of wrong) {
    assert.throws(() => verificationKey(material), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'SETTING_INVALID', JSON.stringify(material))
      assert.ok(!error.message.includes(secret), error.message)
      return true
    })
  }
  assert.throws(() => signingKey({ jwk: p256.publicKey.export({ format: 'jwk' }) }), {
    code: 'SETTING_INVALID',
  })
})
