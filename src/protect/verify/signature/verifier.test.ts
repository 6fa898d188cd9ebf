import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { manualClock } from '../../../kernel/index.ts'
import { contentDigest } from '../digest/index.ts'
import { memoryReplayStore, type ReplayStore } from '../replay/index.ts'
import { keySet, type KeySource } from './key-source.ts'
import { signingKey, verificationKey } from './key.ts'
import type { SignatureReason } from './reason.ts'
import { signRequest, type SignRequestOptions } from './sign-request.ts'
import type { SignedRequest } from './signed-request.ts'
import { SignatureVerifier, type SignatureVerifierOptions, type Verification } from './verifier.ts'

const pair = generateKeyPairSync('ed25519')
const signer = signingKey({ id: 'partner', pem: pem(pair.privateKey, 'pkcs8') })
const key = verificationKey({ id: 'partner', pem: pem(pair.publicKey, 'spki'), owner: 'acme' })
const body = '{"amount":12}'
const nowMs = 1_700_000_000_000
const url = 'https://api.example.com/orders?page=2'

function pem (of: typeof pair.privateKey, type: 'pkcs8' | 'spki'): string {
  const text = of.export({ format: 'pem', type })
  return text.toString()
}

/** What a client sends that signs with `options`, and what `changes` does to it on the way. */
function sent (
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

function verifierOf (options: Partial<SignatureVerifierOptions> = {}): SignatureVerifier {
  return new SignatureVerifier({ keys: keySet([key]), clock: manualClock(nowMs), ...options })
}

function reasonOf (verification: Verification | Promise<Verification>): SignatureReason | 'verified' {
  assert.ok(!(verification instanceof Promise), 'nothing is waited for')
  return verification.verified ? 'verified' : verification.reason
}

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

test('too old after maxAge and the skew, to the second; created may lie ahead by the skew', () => {
  const request = sent()
  const at = (ms: number): SignatureReason | 'verified' =>
    reasonOf(verifierOf({ clock: manualClock(nowMs + ms) }).verify(request))
  assert.equal(at(330_000), 'verified')
  assert.equal(at(331_000), 'too-old')
  assert.equal(at(-30_000), 'verified')
  assert.equal(at(-31_000), 'created-in-future')
})

test('expires ends it before maxAge does', () => {
  const request = sent({ expiresInSeconds: 60 })
  assert.equal(reasonOf(verifierOf({ clock: manualClock(nowMs + 90_000) }).verify(request)), 'verified')
  assert.equal(reasonOf(verifierOf({ clock: manualClock(nowMs + 91_000) }).verify(request)), 'expired')
})

test('a clock that says nothing refuses', () => {
  assert.equal(reasonOf(verifierOf({ clock: manualClock(Number.NaN) }).verify(sent())), 'created-in-future')
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

test('a nonce is accepted once for each key, and again by nobody until the signature is too old', () => {
  const clock = manualClock(nowMs)
  const verifier = verifierOf({ clock, replay: memoryReplayStore({ clock }) })
  const request = sent({ nonce: 'n-1' })
  assert.equal(reasonOf(verifier.verify(sent())), 'parameter-missing')
  assert.equal(reasonOf(verifier.verify(request)), 'verified')
  for (const ms of [0, 299_000, 31_000]) {
    clock.advance(ms)
    assert.equal(reasonOf(verifier.verify(request)), 'replayed', `after ${ms}`)
  }
  clock.advance(1_001)
  assert.equal(reasonOf(verifier.verify(request)), 'too-old')
  assert.equal(reasonOf(verifier.verify(sent({ nonce: 'n-1', clock }))), 'verified')
})

test('nonces are a matter of each key: another client may happen to use the same', () => {
  const clock = manualClock(nowMs)
  const secret = { id: 'other', secret: 'x'.repeat(32) }
  const keys = keySet([key, verificationKey(secret)])
  const verifier = verifierOf({ clock, keys, replay: memoryReplayStore({ clock }) })
  assert.equal(reasonOf(verifier.verify(sent({ nonce: 'n-1' }))), 'verified')
  assert.equal(reasonOf(verifier.verify(sent({ nonce: 'n-1', key: signingKey(secret) }))), 'verified')
})

/** A GET signed by hand: what `signRequest` would not write. */
function byHand (components: readonly string[], parameters: string): SignedRequest {
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

test('without created, expires must be there and near; neither is valid for ever', () => {
  const verifier = verifierOf({ policy: { components: [], requires: ['keyid'] } })
  const at = nowMs / 1000
  const outcome = (parameters: string): string => reasonOf(verifier.verify(byHand(['"@method"'], parameters)))
  assert.equal(outcome(`;created=${at}`), 'verified')
  assert.equal(outcome(`;expires=${at + 330}`), 'verified')
  assert.equal(outcome(`;expires=${at + 331}`), 'too-old')
  assert.equal(outcome(''), 'parameter-missing')
  assert.equal(outcome(`;created=${at};expires=${at}`), 'malformed')
  for (const created of ['"1"', '1.5', '-1', 'a', '?1'])
    assert.equal(outcome(`;created=${created}`), 'malformed')
  for (const nonce of ['""', 'token', '1', `"${'n'.repeat(257)}"`]) {
    assert.equal(outcome(`;created=${at};nonce=${nonce}`), 'malformed', nonce)
  }
})

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

test('a wrong signature uses up no nonce', () => {
  const clock = manualClock(nowMs)
  const verifier = verifierOf({ clock, replay: memoryReplayStore({ clock }) })
  const request = sent({ nonce: 'n-1' })
  assert.equal(reasonOf(verifier.verify({ ...request, method: 'PUT' })), 'mismatch')
  assert.equal(reasonOf(verifier.verify(request)), 'verified')
})

test('a replay store that fails, or is full, refuses; or accepts and counts, when asked to be open', async () => {
  const gone = (remember: ReplayStore['remember']): ReplayStore => ({
    ...memoryReplayStore(),
    remember,
  })
  const failures = { failed: gone(() => Promise.reject(new Error('gone'))), full: gone(() => 'full') }
  for (const [why, replay] of Object.entries(failures)) {
    const closed = await verifierOf({ replay }).verify(sent({ nonce: 'n' }))
    assert.equal(!closed.verified && closed.reason, 'replay-unavailable')
    const counted: string[] = []
    const open = verifierOf({
      replay,
      whenReplayFails: 'open',
      onReplayUnchecked: (one) => counted.push(one),
    })
    assert.equal((await open.verify(sent({ nonce: 'n' }))).verified, true)
    assert.deepEqual(counted, [why])
  }
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
