import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '../../../kernel/index.ts'
import { signingKey } from '../signature/index.ts'
import { type AgentVerification, AgentVerifier } from './agent-verifier.ts'
import { publishedTestKeys, readDirectory } from './directory-keys.ts'
import { agentKey, agentRequest, type DirectoryWorld, directoryWorld } from './directory-server.fixture.ts'

/** What a verification says, in short. */
function said (verification: AgentVerification): string {
  if (verification.status === 'verified') return `verified ${verification.agent}`
  return verification.status === 'unsigned' ? 'unsigned' : `${verification.status} ${verification.reason}`
}

function verifierIn (world: DirectoryWorld): AgentVerifier {
  return new AgentVerifier({ directory: world.open(), clock: world.clock })
}

test('an agent whose directory shows its key is verified; the second request waits for nothing', async () => {
  await using world = await directoryWorld()
  const { signer, jwk } = agentKey()
  world.jwks = { keys: [jwk] }
  const verifier = verifierIn(world)
  const request = agentRequest(world.clock, signer)
  assert.equal(said(await verifier.verify(request)), 'verified https://agent.example')
  const second = verifier.verify(request)
  assert.ok(!(second instanceof Promise))
  assert.equal(said(second), 'verified https://agent.example')
  assert.deepEqual(world.requests, ['agent.example /.well-known/http-message-signatures-directory'])
})

test("a key is one agent's: under another name it is looked for in that one's directory", async () => {
  await using world = await directoryWorld()
  const { signer, jwk } = agentKey()
  world.answer = (request, response) => {
    response.writeHead(200, { 'content-type': 'application/http-message-signatures-directory+json' })
    response.end(JSON.stringify({ keys: request.headers.host === 'agent.example' ? [jwk] : [] }))
  }
  const verifier = verifierIn(world)
  assert.equal(
    said(await verifier.verify(agentRequest(world.clock, signer))),
    'verified https://agent.example'
  )
  const other = agentRequest(world.clock, signer, { header: 'sig1="https://other.agents.example"' })
  assert.equal(said(await verifier.verify(other)), 'unverified unknown-key')
})

test('unsigned, unverified and invalid are told apart', async () => {
  await using world = await directoryWorld()
  const [{ signer, jwk }, stranger] = [agentKey(), agentKey()]
  world.jwks = { keys: [jwk] }
  const verifier = verifierIn(world)
  const request = agentRequest(world.clock, signer)
  assert.equal(said(await verifier.verify({ ...request, rawHeaders: [] })), 'unsigned')
  assert.equal(
    said(await verifier.verify(agentRequest(world.clock, stranger.signer))),
    'unverified unknown-key'
  )
  assert.equal(said(await verifier.verify({ ...request, authority: 'evil.example' })), 'invalid mismatch')
  world.clock.advance(3_600_000 + 31_000)
  assert.equal(said(await verifier.verify(request)), 'invalid expired')
})

test('what the signature does not cover is not believed', async () => {
  await using world = await directoryWorld()
  const { signer, jwk } = agentKey()
  world.jwks = { keys: [jwk] }
  const verifier = verifierIn(world)
  const bare = '"https://agent.example"'
  const two = 'sig1="https://agent.example", other="https://other.agents.example"'
  const cases: readonly (readonly [expected: string, header: string | undefined, component: string])[] = [
    ['invalid component-missing', undefined, '@method'],
    ['invalid component-missing', bare, '@method'],
    ['verified https://agent.example', two, '"signature-agent";key="sig1"'],
    ['verified https://agent.example', bare, 'signature-agent'],
  ]
  for (const [expected, header, component] of cases) {
    const request = agentRequest(world.clock, signer, {
      components: ['@authority', component],
      ...(header === undefined ? {} : { header }),
    })
    assert.equal(said(await verifier.verify(request)), expected, component)
  }
  const hostless = agentRequest(world.clock, signer, { components: ['"signature-agent";key="sig1"'] })
  assert.equal(said(await verifier.verify(hostless)), 'invalid component-missing')
})

test('a label that a proxy changed does not matter: the covered member names the agent', async () => {
  await using world = await directoryWorld()
  const { signer, jwk } = agentKey()
  world.jwks = { keys: [jwk] }
  const request = agentRequest(world.clock, signer, {
    header: 'mine="https://agent.example"',
    components: ['@authority', '"signature-agent";key="mine"'],
  })
  assert.equal(said(await verifierIn(world).verify(request)), 'verified https://agent.example')
})

test('names that are no agent are malformed, and nothing is fetched', async () => {
  await using world = await directoryWorld()
  const { signer } = agentKey()
  const verifier = verifierIn(world)
  const names = [
    'http://agent.example',
    'https://user:secret@agent.example',
    'https://agent.example:8443',
    'https://agent.example/path',
    'https://agent.example?x',
    'https://agent.example#x',
    'https://169.254.169.254',
    'https://0x7f000001',
    'https://2130706433',
    'https://[::1]',
    'https://agent.example\\\\@evil',
    'https://',
    'agent.example',
    'file:///etc/passwd',
  ]
  for (const name of names) {
    const request = agentRequest(world.clock, signer, { header: `sig1="${name}"` })
    assert.equal(said(await verifier.verify(request)), 'invalid malformed', name)
  }
  const typed = agentRequest(world.clock, signer, { header: 'sig1="https://agent.example";type=jwks_uri' })
  assert.equal(said(await verifier.verify(typed)), 'invalid component-unsupported')
  assert.deepEqual(world.requests, [])
})

test("a shared secret is no agent's key", async () => {
  await using world = await directoryWorld()
  const signer = signingKey({ id: 'shared', secret: 'x'.repeat(40) })
  const answer = await verifierIn(world).verify(agentRequest(world.clock, signer))
  assert.equal(said(answer), 'unverified unknown-key')
})

const vectors = {
  dictionary: {
    agent: 'agent2="https://signature-agent.test"',
    input: 'sig2=("@authority" "signature-agent";key="agent2");created=1735689600' +
      ';keyid="poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U";alg="ed25519";expires=4889289600' +
      ';nonce="n9p433xm+NJ3ph3upfBIGmsuwHw387YV7Q/F+6BSpGCVjYCqQw6rznNA8PVVLySrAWsv0hQtFioQb6E1YsauiA=="' +
      ';tag="web-bot-auth"',
    signature:
      'sig2=:RdNFx5Bj6au3YgAMQL/RzmUlZE8QZLIaXGRpw985hWnwPfMxT228NMk6ehRS1PSl4e8PhbNZACSanGdhEwYCCg==:',
  },
  legacy: {
    agent: '"https://signature-agent.test"',
    input: 'sig2=("@authority" "signature-agent");created=1735689600' +
      ';keyid="poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U";alg="ed25519";expires=1735693200' +
      ';nonce="e8N7S2MFd/qrd6T2R3tdfAuuANngKI7LFtKYI/vowzk4lAZYadIX6wW25MwG7DCT9RUKAJ0qVkU0mEeLElW1qg=="' +
      ';tag="web-bot-auth"',
    signature:
      'sig2=:jdq0SqOwHdyHr9+r5jw3iYZH6aNGKijYp/EstF4RQTQdi5N5YYKrD+mCT1HA1nZDsi6nJKuHxUi/5Syp3rLWBA==:',
  },
}

for (const [name, { agent, input, signature }] of Object.entries(vectors)) {
  test(`the draft's Ed25519 vector holds (${name} form), once its key, which is public, is let in`, async () => {
    await using world = await directoryWorld()
    world.jwks = { keys: [{ kty: 'OKP', crv: 'Ed25519', x: 'JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs' }] }
    const clock = manualClock(1_735_689_700_000)
    const request = {
      method: 'GET',
      target: '/path/to/resource',
      scheme: 'https' as const,
      authority: 'example.com',
      rawHeaders: ['Signature-Agent', agent, 'Signature-Input', input, 'Signature', signature],
      hasBody: false,
    }
    const careful = world.open({ clock })
    assert.equal(
      said(await new AgentVerifier({ directory: careful, clock }).verify(request)),
      'unverified unknown-key'
    )
    assert.deepEqual(world.requests, [], 'a refused key is not asked for')
    const directory = world.open({ clock, refusedKeys: [] })
    const verification = await new AgentVerifier({ directory, clock }).verify(request)
    assert.equal(said(verification), 'verified https://signature-agent.test')
  })
}

test('keys that are not fit are passed over; their neighbours are good', () => {
  const [good, other] = [agentKey().jwk, agentKey().jwk]
  const keys = [
    null,
    7,
    {},
    { kty: 'RSA', n: 'AQAB', e: 'AQAB' },
    { kty: 'oct', k: 'c2VjcmV0' },
    { ...other, use: 'enc' },
    { ...other, d: 'AAAA' },
    { ...other, kid: 'another name' },
    { ...other, x: 'short' },
    { ...other, nbf: 'soon' },
    good,
  ]
  const read = readDirectory(JSON.stringify({ keys }), 'https://agent.example', 32)
  assert.deepEqual([...read?.values() ?? []].map(({ key }) => key.owner), ['https://agent.example'])
  assert.equal(readDirectory(JSON.stringify({ keys: Array(33).fill(good) }), 'a', 32), undefined)
  for (const text of ['', '[]', 'null', '{"keys":{}}', '{"keys":', '{}']) {
    assert.equal(readDirectory(text, 'a', 32), undefined, text)
  }
})

test('the keys printed in RFC 9421 are known by their thumbprints', () => {
  const ed25519 = { kty: 'OKP', crv: 'Ed25519', x: 'JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs' }
  const p256 = {
    kty: 'EC',
    crv: 'P-256',
    x: 'qIVYZVLCrPZHGHjP17CTW0_-D9Lfw0EkjqF7xB4FivA',
    y: 'Mc4nN9LTDOBhfoUeg8Ye9WedFRhnZXZJA12Qp0zZ6F0',
  }
  const read = readDirectory(JSON.stringify({ keys: [ed25519, p256] }), 'a', 2)
  assert.deepEqual([...read?.keys() ?? []], publishedTestKeys)
})
