import fc from 'fast-check'
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { manualClock } from '../../../kernel/index.ts'
import { readContentDigest } from '../digest/index.ts'
import { keySet } from './key-source.ts'
import { verificationKey } from './key.ts'
import { rfcKeys, rfcSigningKeys } from './rfc9421.fixture.ts'
import { signRequest } from './sign-request.ts'
import type { SignedRequest } from './signed-request.ts'
import { SignatureVerifier } from './verifier.ts'

const nowMs = 1_700_000_000_000
const verifier = new SignatureVerifier({
  keys: keySet(rfcKeys),
  policy: { components: [], digest: 'optional', requires: [] },
  clock: manualClock(nowMs),
})

/** Text that looks like the fields, so that the parsers are entered rather than refused at the door. */
const fieldLike = fc.array(
  fc.oneof(
    fc.constantFrom(
      'sig1',
      '=',
      '(',
      ')',
      '"',
      ';',
      ':',
      ',',
      ' ',
      '"@method"',
      '"@query-param";name="a"',
      '"x";key="a"',
      '"x";bs',
      '"x";sf',
      'created=1700000000',
      'expires=1700000001',
      'keyid="test-shared-secret"',
      'alg="hmac-sha256"',
      'nonce="n"',
      'AAAA',
      ':AAAA:',
      '?1',
      '@1',
      '%"a"',
      '1.5',
      '-'
    ),
    fc.string({ maxLength: 6 })
  ),
  { maxLength: 24 }
).map((parts) => parts.join(''))

const anyText = fc.oneof(fieldLike, fc.string({ unit: 'binary', maxLength: 60 }))

test('whatever the fields hold, the answer is a refusal, at once', () => {
  fc.assert(
    fc.property(anyText, anyText, anyText, anyText, anyText, (input, signature, x, target, authority) => {
      const verification = verifier.verify({
        method: 'POST',
        target: target.startsWith('/') ? target : `/${target}`,
        scheme: 'https',
        authority: authority === '' ? 'a' : authority,
        rawHeaders: ['Signature-Input', input, 'Signature', signature, 'X', x, 'Content-Digest', x],
        hasBody: true,
      })
      assert.ok(!(verification instanceof Promise))
      assert.equal(verification.verified, false)
    }),
    { numRuns: 1_000 }
  )
})

test('whatever a Content-Digest field holds, reading it throws nothing', () => {
  fc.assert(fc.property(anyText, (text) => {
    const digest = readContentDigest(text)
    assert.ok(digest === undefined || Object.keys(digest).length > 0)
  }))
})

const pair = generateKeyPairSync('ed25519')

test('what is signed verifies, and with any one thing changed it does not', () => {
  const value = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 20 })
  const request = fc.record({
    key: fc.constantFrom(...rfcSigningKeys),
    path: fc.webPath(),
    query: fc.option(fc.webQueryParameters(), { nil: undefined }),
    method: fc.constantFrom('GET', 'POST', 'DELETE'),
    body: fc.string({ maxLength: 40 }),
    custom: value,
    nonce: fc.option(fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 60 }), { nil: undefined }),
    expiresInSeconds: fc.option(fc.integer({ min: 1, max: 1_000 }), { nil: undefined }),
  })
  fc.assert(
    fc.property(request, ({ path, query, custom, body, ...given }) => {
      const url = new URL(`https://api.example.com/${path.replace(/^\/+/, '')}`)
      if (query !== undefined) url.search = query
      const components = ['@method', '@target-uri', 'x-custom', ...(body === '' ? [] : ['content-digest'])]
      const headers = { 'X-Custom': custom }
      const signed = signRequest({ ...given, url, headers, body, components, clock: manualClock(nowMs) })
      const sent: SignedRequest = {
        method: given.method,
        target: url.pathname + url.search,
        scheme: 'https',
        authority: url.host,
        rawHeaders: Object.entries({ ...headers, ...signed }).flat(),
        hasBody: body !== '',
      }
      assert.equal(holds(sent), true)
      const changed: readonly SignedRequest[] = [
        { ...sent, method: `${sent.method}S` },
        { ...sent, target: `${sent.target}x` },
        { ...sent, authority: 'api.example.net' },
        { ...sent, scheme: 'http' },
        { ...sent, rawHeaders: [...sent.rawHeaders, 'X-Custom', 'more'] },
        { ...sent, rawHeaders: sent.rawHeaders.map((line) => line === custom ? `${custom.trim()}.` : line) },
        { ...sent, rawHeaders: sent.rawHeaders.map((line) => line.replace('created=', 'created=1')) },
        { ...sent, rawHeaders: sent.rawHeaders.map((line) => line.replace('"x-custom"', '"x-custom";bs')) },
      ]
      for (const one of changed) assert.equal(holds(one), false, JSON.stringify(one))
    }),
    { numRuns: 100 }
  )
})

function holds (request: SignedRequest): boolean {
  const verification = verifier.verify(request)
  assert.ok(!(verification instanceof Promise))
  return verification.verified
}

test('a signature of any bytes and length is a mismatch, not an error, for every kind of key', () => {
  const keys = [...rfcKeys, verificationKey({ jwk: pair.publicKey.export({ format: 'jwk' }) })]
  fc.assert(fc.property(fc.constantFrom(...keys), fc.uint8Array({ maxLength: 80 }), (key, bytes) => {
    assert.equal(key.verify(Buffer.from('base'), bytes), false)
  }))
  for (const key of keys) assert.equal(key.verify(Buffer.from('base'), new Uint8Array(64)), false)
})
