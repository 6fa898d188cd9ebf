import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { contentDigest } from '../digest/index.ts'
import { keySet, type KeySource } from './key-source.ts'
import { signingKey } from './key.ts'
import { body, byHand, key, nowMs, pair, pem, reasonOf, sent, verifierOf } from './partner.fixture.ts'
import type { SignedRequest } from './signed-request.ts'

test('a request signed by default holds, says who signed, and waits for nothing', () => {
  const verification = verifierOf().verify(sent())
  assert.ok(!(verification instanceof Promise) && verification.verified)
  assert.equal(verification.key.owner, 'acme')
  assert.deepEqual(verification.components, [
    '"@method"',
    '"@authority"',
    '"@path"',
    '"@query"',
    '"content-digest"',
  ])
})

test('the policy asks for method, authority, path, query and digest, and says which is not covered', () => {
  const all = ['@method', '@authority', '@path', '@query', 'content-digest']
  for (const left of all) {
    const components = all.filter((one) => one !== left)
    const verification = verifierOf().verify(sent({ components }))
    assert.ok(!(verification instanceof Promise) && !verification.verified)
    const expected = left === 'content-digest' ? 'digest-missing' : 'component-missing'
    assert.deepEqual([verification.reason, verification.about], [expected, `"${left}"`])
  }
})

test('@target-uri stands for authority, path and query; @request-target for path and query', () => {
  const rest = ['@method', 'content-digest']
  assert.equal(reasonOf(verifierOf().verify(sent({ components: ['@target-uri', ...rest] }))), 'verified')
  const target = ['@authority', '@request-target', ...rest]
  assert.equal(reasonOf(verifierOf().verify(sent({ components: target }))), 'verified')
  assert.equal(
    reasonOf(verifierOf().verify(sent({ components: ['@request-target', ...rest] }))),
    'component-missing'
  )
})

test('without a query none has to be covered, and one that is added later is a mismatch when it is', () => {
  const plain = sent({ url: 'https://api.example.com/orders' })
  assert.equal(reasonOf(verifierOf().verify(plain)), 'verified')
  assert.equal(reasonOf(verifierOf().verify({ ...plain, target: '/orders?admin=1' })), 'component-missing')
})

test('a body that was taken away is refused, though there is nothing to hash', () => {
  assert.equal(reasonOf(verifierOf().verify(sent({}, { hasBody: false }))), 'digest-mismatch')
})

test('a digest of an algorithm that is not checked is no digest', () => {
  const headers = { 'content-digest': 'md5=:AAAAAAAAAAAAAAAAAAAAAA==:' }
  assert.equal(reasonOf(verifierOf().verify(sent({ headers }))), 'digest-missing')
})

test('parameters that the policy requires must be there', () => {
  for (const required of ['expires', 'nonce', 'alg', 'tag'] as const) {
    const verifier = verifierOf({ policy: { requires: ['created', 'keyid', required] } })
    const verification = verifier.verify(sent())
    assert.ok(!(verification instanceof Promise) && !verification.verified)
    assert.deepEqual([verification.reason, verification.about], ['parameter-missing', required])
  }
  const full = sent({ expiresInSeconds: 9, nonce: 'n', nameAlgorithm: true, tag: 't' })
  const policy = { requires: ['created', 'expires', 'nonce', 'alg', 'keyid', 'tag'] } as const
  assert.equal(reasonOf(verifierOf({ policy }).verify(full)), 'verified')
})

test('the algorithm is that of the key: another name is refused, an unknown one too', () => {
  const rename = (alg: string): SignedRequest => {
    const request = sent({ nameAlgorithm: true })
    return { ...request, rawHeaders: request.rawHeaders.map((line) => line.replace('"ed25519"', `"${alg}"`)) }
  }
  assert.equal(reasonOf(verifierOf().verify(rename('ed25519'))), 'verified')
  assert.equal(reasonOf(verifierOf().verify(rename('hmac-sha256'))), 'algorithm-mismatch')
  assert.equal(reasonOf(verifierOf().verify(rename('rsa-v1_5-sha256'))), 'algorithm-unsupported')
  const policy = { algorithms: ['hmac-sha256'] } as const
  assert.equal(reasonOf(verifierOf({ policy }).verify(sent())), 'algorithm-unsupported')
})

test('the public key of a pair is no shared secret: an HMAC made with it is refused', () => {
  const secret = signingKey({ id: 'partner', secret: pem(pair.publicKey, 'spki') })
  assert.equal(reasonOf(verifierOf().verify(sent({ key: secret }))), 'mismatch')
  assert.equal(
    reasonOf(verifierOf().verify(sent({ key: secret, nameAlgorithm: true }))),
    'algorithm-mismatch'
  )
})

test('a key nobody knows, and another key of the same name, are told apart', () => {
  const other = signingKey({ id: 'partner', pem: pem(generateKeyPairSync('ed25519').privateKey, 'pkcs8') })
  assert.equal(reasonOf(verifierOf({ keys: keySet([]) }).verify(sent())), 'unknown-key')
  assert.equal(reasonOf(verifierOf().verify(sent({ key: other }))), 'mismatch')
})

test("a key source that throws, or rejects, is nobody's fault but ours", async () => {
  const failing: readonly KeySource[] = [
    () => {
      throw new Error('no')
    },
    () => Promise.reject(new Error('no')),
  ]
  for (const keys of failing) {
    const verification = await verifierOf({ keys }).verify(sent())
    assert.equal(!verification.verified && verification.reason, 'key-unavailable')
  }
})

test('of several signatures the one with the tag is looked at; without a tag, the first that holds', () => {
  const stranger = signingKey({
    id: 'stranger',
    pem: pem(generateKeyPairSync('ed25519').privateKey, 'pkcs8'),
  })
  const ours = sent({ tag: 'ours', label: 'b' })
  const both = merge(sent({ key: stranger, label: 'a' }), ours)
  assert.equal(reasonOf(verifierOf({ policy: { tag: 'ours' } }).verify(both)), 'verified')
  assert.equal(reasonOf(verifierOf({ policy: { tag: 'theirs' } }).verify(both)), 'missing')
  assert.equal(reasonOf(verifierOf().verify(both)), 'verified')
  const stale = merge(sent({ key: stranger, label: 'a' }), sent({ label: 'b', components: ['@method'] }))
  assert.equal(reasonOf(verifierOf().verify(stale)), 'component-missing', 'it says more than unknown-key')
})

test('five signatures are four too many to try', () => {
  const requests = ['a', 'b', 'c', 'd', 'e'].map((label) => sent({ label }))
  assert.equal(reasonOf(verifierOf().verify(requests.reduce(merge))), 'malformed')
})

function merge (one: SignedRequest, other: SignedRequest): SignedRequest {
  const own = other.rawHeaders.slice(other.rawHeaders.indexOf('signature-input'))
  return { ...one, rawHeaders: [...one.rawHeaders, ...own.slice(0, 4)] }
}

test('a component covered twice is malformed, and is not signed', () => {
  const verifier = verifierOf({ policy: { components: [] } })
  const created = `;created=${nowMs / 1000}`
  assert.equal(reasonOf(verifier.verify(byHand(['"@method"'], created))), 'verified')
  assert.equal(reasonOf(verifier.verify(byHand(['"@method"', '"@method"'], created))), 'malformed')
  const twice = ['"x-a";sf;key="k"', '"x-a";key="k";sf']
  assert.equal(reasonOf(verifier.verify(byHand(twice, created))), 'malformed', 'in another order, too')
  assert.throws(() => sent({ components: ['@method', '@method'] }), { code: 'SETTING_INVALID' })
})

test('one member of the digests is no cover for the body', () => {
  const components = ['@method', '@target-uri', '"content-digest";key="sha-256"']
  const headers = { 'content-digest': contentDigest(body) }
  assert.equal(reasonOf(verifierOf().verify(sent({ components, headers }))), 'digest-missing')
})

test('each outcome is counted once, with the algorithm once a key was found right', () => {
  const outcomes: string[] = []
  const verifier = verifierOf({ onOutcome: (outcome, algorithm) => outcomes.push(`${outcome} ${algorithm}`) })
  void verifier.verify(sent())
  void verifier.verify({ ...sent(), rawHeaders: [] })
  void verifier.verify({ ...sent(), method: 'PUT' })
  assert.deepEqual(outcomes, ['verified ed25519', 'missing none', 'mismatch none'])
})

test('an absolute target that names another host, a fragment, and a target outside ASCII are malformed', () => {
  for (
    const target of [
      'https://evil.example/orders?page=2',
      'http://api.example.com/orders',
      '/orders#x',
      '/ö',
      '',
    ]
  ) {
    assert.equal(reasonOf(verifierOf().verify({ ...sent(), target })), 'malformed', target)
  }
  for (const authority of ['', 'a b', 'user@host', 'api.example.com/']) {
    assert.equal(reasonOf(verifierOf().verify({ ...sent(), authority })), 'malformed', authority)
  }
  const absolute = 'https://API.example.com:443/orders?page=2'
  assert.equal(reasonOf(verifierOf().verify({ ...sent(), target: absolute })), 'verified')
})

test('dots and percent signs of a path are signed as they were sent', () => {
  const request = sent({ url: 'https://api.example.com/a/b' })
  for (const target of ['/a/./b', '/a/x/../b', '/a/%62', '//a/b']) {
    assert.equal(reasonOf(verifierOf().verify({ ...request, target })), 'mismatch', target)
  }
})

test('Accept-Signature says what the policy asks for', () => {
  const policy = { components: ['@method', '@target-uri'], tag: 'ours', algorithms: ['ed25519'] } as const
  const verifier = verifierOf({ policy: { ...policy, requires: ['created', 'expires', 'keyid'] } })
  const asked = 'sig1=("@method" "@target-uri" "content-digest");created;expires;alg="ed25519";tag="ours"'
  assert.equal(verifier.acceptSignature, asked)
})

test('contradictions of a policy stop the boot', () => {
  const wrong = [
    { components: ['@status'] },
    { components: ['"content-digest";req'] },
    { components: ['not a name'] },
    { maxAge: 'soon' },
    { algorithms: [] },
    { algorithms: ['none'] },
    { requires: ['everything'] },
    { tag: 'ü' },
  ]
  for (const policy of wrong) {
    assert.throws(
      () => verifierOf({ policy: policy as never }),
      { code: 'SETTING_INVALID' },
      JSON.stringify(policy)
    )
  }
  assert.throws(() => keySet([key, key]), { code: 'SETTING_INVALID' })
})
