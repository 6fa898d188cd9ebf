import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '../../../kernel/index.ts'
import { BodyDigest } from '../digest/index.ts'
import { keySet } from './key-source.ts'
import type { SignaturePolicy } from './policy.ts'
import {
  demoRequest,
  rfcCreated,
  rfcKeys,
  rfcSigningKeys,
  signed,
  testBody,
  testRequest,
} from './rfc9421.fixture.ts'
import { signRequest } from './sign-request.ts'
import type { SignedRequest } from './signed-request.ts'
import { SignatureVerifier, type Verification } from './verifier.ts'

/** Asks for nothing but a signature that holds: the RFC's examples cover what they please. */
const anything: SignaturePolicy = { components: [], digest: 'optional' }

async function check (request: SignedRequest, policy: SignaturePolicy = anything): Promise<Verification> {
  const clock = manualClock(rfcCreated * 1000)
  return new SignatureVerifier({ keys: keySet(rfcKeys), policy, clock }).verify(request)
}

const clientCert =
  ':MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgNVBAMMEkxBIEludGVybWVkaWF0ZSBDQTAeFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8YnXXfaUgmnMtOXU/IncWalRhebrXmckC8vdgJ1p5Be5F/3YC8OthxM4+k1M6aEAEFcGzkJiNy6J84y7uzo9M6NyMHAwCQYDVR0TBAIwADAfBgNVHSMEGDAWgBRm3WjLa38lbEYCuiCPct0ZaSED2DAOBgNVHQ8BAf8EBAMCBsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0RAQH/BBMwEYEPYmRjQGV4YW1wbGUuY29tMAoGCCqGSM49BAMCA0gAMEUCIBHda/r1vaL6G3VliL4/Di6YK0Q6bMjeSkC3dFCOOB8TAiEAx/kHSB4urmiZ0NX5r5XarmPk0wmuydBVoU4hBVZ1yhk=:'

const hmac = signed(
  'sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"',
  'sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:'
)
const edwards = signed(
  'sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473' +
    ';keyid="test-key-ed25519"',
  'sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:'
)
const proxied: SignedRequest = {
  ...testRequest(),
  authority: 'service.internal.example',
  rawHeaders: [
    'Host',
    'service.internal.example',
    'Client-Cert',
    clientCert,
    ...signed(
      'ttrp=("@path" "@query" "@method" "@authority" "client-cert");created=1618884473;keyid="test-key-ecc-p256"',
      'ttrp=:xVMHVpawaAC/0SbHrKRs9i8I3eOs5RtTMGCWXm/9nvZzoHsIg6Mce9315T6xoklyy0yzhD9ah4JHRwMLOgmizw==:'
    ),
  ],
}
const transform = signed(
  'transform=("@method" "@path" "@authority" "accept");created=1618884473;keyid="test-key-ed25519"',
  'transform=:ZT1kooQsEHpZ0I1IjCqtQppOmIqlJPeo7DHR3SoMn0s5JZ1eRGS0A+vyYP9t/LXlh5QMFFQ6cpLt2m0pmj3NDA==:'
)

test('RFC 9421 B.2.5: the HMAC-SHA256 example holds', async () => {
  const verification = await check(testRequest(...hmac))
  assert.ok(verification.verified)
  assert.equal(verification.label, 'sig-b25')
  assert.equal(verification.key.algorithm, 'hmac-sha256')
  assert.deepEqual(verification.components, ['"date"', '"@authority"', '"content-type"'])
})

test('RFC 9421 B.2.6: the Ed25519 example holds', async () => {
  const verification = await check(testRequest(...edwards))
  assert.ok(verification.verified)
  assert.equal(verification.key.id, 'test-key-ed25519')
})

test('RFC 9421 B.3: the ECDSA P-256 example of a proxy holds, with the query and a certificate covered', async () => {
  assert.equal((await check(proxied)).verified, true)
})

test('RFC 9421 B.2: any covered part changed by one character is a mismatch', async () => {
  const changed: readonly SignedRequest[] = [
    { ...testRequest(...edwards), method: 'PUT' },
    { ...testRequest(...edwards), target: '/fop?param=Value&Pet=dog' },
    { ...testRequest(...edwards), authority: 'example.co' },
    { ...proxied, target: '/foo?param=Value&Pet=cat' },
    testRequest('Content-Type', 'text/plain', ...hmac),
  ]
  for (const request of changed) {
    const verification = await check(request)
    assert.equal(!verification.verified && verification.reason, 'mismatch', request.target)
  }
})

test('RFC 9421 B.4: what proxies may change does not matter', async () => {
  const accept = ['Accept', 'application/json', 'Accept', '*/*']
  const allowed: readonly Partial<SignedRequest>[] = [
    { rawHeaders: ['Host', 'example.org', ...accept, ...transform] },
    {
      target: '/demo?name1=Value1&Name2=value2&param=added',
      rawHeaders: [...accept, 'Accept-Language', 'en-US,en;q=0.5', ...transform],
    },
    { rawHeaders: ['Referer', 'https://x.example/', 'Accept', 'application/json, */*', ...transform] },
    {
      authority: 'EXAMPLE.ORG:443',
      rawHeaders: [...transform, 'ACCEPT', ' application/json', 'accept', '*/* '],
    },
  ]
  for (const changes of allowed) {
    assert.deepEqual((await check(demoRequest(changes))).verified, true, JSON.stringify(changes))
  }
})

test('RFC 9421 B.4: what they may not change does', async () => {
  const accept = ['Accept', 'application/json', 'Accept', '*/*', ...transform]
  const forbidden: readonly Partial<SignedRequest>[] = [
    { method: 'POST', rawHeaders: accept },
    { authority: 'example.com', rawHeaders: accept },
    { rawHeaders: ['Accept', '*/*', 'Accept', 'application/json', ...transform] },
  ]
  for (const changes of forbidden) {
    const verification = await check(demoRequest(changes))
    assert.equal(!verification.verified && verification.reason, 'mismatch')
  }
})

test('signing B.2.5 and B.2.6 makes the signatures that the RFC prints', () => {
  for (
    const [key, components, label, expected] of [
      ['test-shared-secret', ['date', '@authority', 'content-type'], 'sig-b25', hmac],
      [
        'test-key-ed25519',
        ['date', '@method', '@path', '@authority', 'content-type', 'content-length'],
        'sig-b26',
        edwards,
      ],
    ] as const
  ) {
    const signatureKey = rfcSigningKeys.find(({ id }) => id === key)
    assert.ok(signatureKey)
    const headers = signRequest({
      method: 'POST',
      url: 'https://example.com/foo?param=Value&Pet=dog',
      headers: {
        'date': 'Tue, 20 Apr 2021 02:07:55 GMT',
        'content-type': 'application/json',
        'content-length': '18',
      },
      key: signatureKey,
      components,
      label,
      clock: manualClock(rfcCreated * 1000),
    })
    assert.equal(headers['signature-input'], expected[1])
    assert.equal(headers['signature'], expected[3])
  }
})

test('RFC 9530: the digest of the test request is the digest of its body, and of no other', async () => {
  const key = rfcSigningKeys[0]
  assert.ok(key)
  const headers = signRequest({
    method: 'POST',
    url: 'https://example.com/foo',
    body: testBody,
    digest: 'sha-512',
    key,
    clock: manualClock(rfcCreated * 1000),
  })
  assert.ok(testRequest().rawHeaders.includes(headers['content-digest'] ?? ''))
  const verification = await check({
    ...testRequest(),
    target: '/foo',
    rawHeaders: Object.entries(headers).flat(),
  }, {})
  assert.ok(verification.verified && verification.digest !== undefined)
  const [right, wrong] = [new BodyDigest(verification.digest), new BodyDigest(verification.digest)]
  right.update(Buffer.from(testBody.slice(0, 5)))
  right.update(Buffer.from(testBody.slice(5)))
  wrong.update(Buffer.from(`${testBody} `))
  assert.equal(right.matches(), true)
  assert.equal(wrong.matches(), false)
})
