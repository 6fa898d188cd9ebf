import fc from 'fast-check'
import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { test } from 'node:test'
import { manualClock } from '../../../kernel/index.ts'
import { AgentDirectory } from './agent-directory.ts'
import { AgentVerifier } from './agent-verifier.ts'
import { readDirectory } from './directory-keys.ts'
import { agentKey } from './directory-server.fixture.ts'
import { freshForMs } from './freshness.ts'
import { isPublicAddress } from './public-address.ts'

const clock = manualClock(1_700_000_000_000)
const part = fc.constantFrom(
  'sig1',
  '=',
  '"https://',
  '"',
  'agent.example',
  '/',
  ';type=',
  'directory',
  ',',
  '(',
  ')',
  ':'
)
const fieldLike = fc.array(fc.oneof(part, fc.string({ unit: 'binary', maxLength: 8 })), { maxLength: 16 })
  .map((parts) => parts.join(''))

test('whatever Signature-Agent holds, the answer comes at once and no stranger is asked', () => {
  const verifier = new AgentVerifier({ directory: new AgentDirectory({ agents: [], clock }), clock })
  const covered = fc.constantFrom(
    '',
    ' "signature-agent"',
    ' "signature-agent";key="sig1"',
    ' "signature-agent";key="x"'
  )
  fc.assert(fc.property(fieldLike, covered, (field, component) => {
    const parameters = ';created=1700000000;expires=1700000060;keyid="k";tag="web-bot-auth"'
    const answer = verifier.verify({
      method: 'GET',
      target: '/',
      scheme: 'https',
      authority: 'a',
      hasBody: false,
      rawHeaders: [
        'Signature-Agent',
        field,
        'Signature-Input',
        `sig1=("@authority"${component})${parameters}`,
        'Signature',
        'sig1=:AAAA:',
      ],
    })
    assert.ok(!(answer instanceof Promise))
    assert.notEqual(answer.status, 'verified')
  }))
})

test('whatever a directory holds, reading it throws nothing and believes no key that is not one', () => {
  const good = agentKey().jwk
  const changed = fc.record({
    kty: fc.constantFrom('OKP', 'EC', 'RSA', 'oct'),
    crv: fc.constantFrom('Ed25519', 'P-256', 'X25519', 'secp256k1'),
    x: fc.oneof(fc.constant(good.x), fc.string(), fc.integer()),
    y: fc.oneof(fc.constant(undefined), fc.string(), fc.base64String()),
    nbf: fc.anything(),
    exp: fc.anything(),
    kid: fc.oneof(fc.constant(undefined), fc.string()),
  })
  const keys = fc.array(fc.oneof(changed, fc.anything()), { maxLength: 5 })
  fc.assert(fc.property(keys, fc.anything(), (some, other) => {
    for (const document of [{ keys: some }, other, { keys: other }]) {
      let text: string | undefined
      try {
        text = JSON.stringify(document)
      } catch {
        continue // a bigint or a circle: no JSON
      }
      for (const { key } of readDirectory(text ?? '', 'https://a.example', 32)?.values() ?? []) {
        assert.equal(key.algorithm, 'ed25519')
      }
    }
  }))
  fc.assert(fc.property(fc.string(), (text) => void readDirectory(text, 'a', 32)))
})

test('freshness is between a minute and a day whatever Cache-Control holds', () => {
  const text = fc.oneof(
    fc.string(),
    fc.nat().map((age) => `max-age=${age}`),
    fc.constantFrom('max-age=', 'no-store')
  )
  fc.assert(fc.property(text, fc.double({ min: 0, max: 0.999, noNaN: true }), (cacheControl, chance) => {
    const ms = freshForMs(cacheControl, () => chance)
    assert.ok(ms >= 60_000 && ms <= 86_400_000, String(ms))
  }))
})

test('no text that is not an address is public', () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.ipV4(), fc.ipV6()), (text) => {
    if (isPublicAddress(text)) assert.notEqual(isIP(text), 0)
  }))
})
