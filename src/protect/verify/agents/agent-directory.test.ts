import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waitUntil } from '../../../engines/wait-until.fixture.ts'
import type { SigningKey } from '../signature/index.ts'
import { AgentDirectory, type AgentDirectoryOptions } from './agent-directory.ts'
import { AgentVerifier } from './agent-verifier.ts'
import {
  agentKey,
  agentRequest,
  type DirectoryWorld,
  directoryWorld,
  sendKeys,
} from './directory-server.fixture.ts'
import { directoryType } from './fetch-directory.ts'
import { freshForMs } from './freshness.ts'

/** Asks once: what the verifier makes of a request that `signer` signs for `agent`. */
function asking (
  world: DirectoryWorld,
  options: AgentDirectoryOptions = {}
): (signer: SigningKey, agent?: string) => Promise<string> {
  const verifier = new AgentVerifier({ directory: world.open(options), clock: world.clock })
  return async (signer, agent = 'agent.example') => {
    const answer = await verifier.verify(
      agentRequest(world.clock, signer, { header: `sig1="https://${agent}"` })
    )
    return answer.status === 'verified' ?
      'verified' :
      answer.status === 'unsigned' ?
      'unsigned' :
      answer.reason
  }
}

test('a directory that is no directory gives no key, and what was wrong is counted', async () => {
  await using world = await directoryWorld()
  const { signer, jwk } = agentKey()
  const cases: Readonly<Record<string, DirectoryWorld['answer']>> = {
    'refused-status redirect': (_request, response) => {
      response.writeHead(302, { location: 'https://agent.example/elsewhere' }).end()
    },
    'refused-status missing': (_request, response) => void response.writeHead(404).end(),
    'refused-type': (_request, response) =>
      sendKeys(response, { keys: [jwk] }, { 'content-type': 'application/json' }),
    'refused-type coded': (_request, response) => sendKeys(response, {}, { 'content-encoding': 'gzip' }),
    'too-large said': (_request, response) => {
      response.writeHead(200, { 'content-type': directoryType, 'content-length': '70000' }).write('{')
    },
    'too-large sent': (_request, response) => {
      response.writeHead(200, { 'content-type': directoryType })
      sendForEver()
      function sendForEver (): void {
        if (!response.destroyed) response.write(Buffer.alloc(16_384, ' '), () => setImmediate(sendForEver))
      }
    },
    'malformed': (_request, response) =>
      void response.writeHead(200, { 'content-type': directoryType }).end('{"keys"'),
    'malformed keys': (_request, response) => sendKeys(response, { keys: Array(33).fill(jwk) }),
    'unreachable': (request) => request.socket.destroy(),
    'unreachable half': (_request, response) => {
      response.writeHead(200, { 'content-type': directoryType }).write('{', () => response.destroy())
    },
  }
  for (const [name, answer] of Object.entries(cases)) {
    world.answer = answer
    world.outcomes.length = 0
    const requests = world.requests.length
    assert.equal(await asking(world)(signer), 'key-unavailable', name)
    assert.deepEqual(world.outcomes, [name.split(' ')[0]], name)
    assert.equal(world.requests.length, requests + 1, 'no redirect is followed and nothing is tried twice')
  }
})

test('a directory that is slow, at any point, ends with the time allowed', async () => {
  await using world = await directoryWorld()
  const { signer } = agentKey()
  const cases: readonly DirectoryWorld['answer'][] = [
    () => {},
    (_request, response) => void response.writeHead(200, { 'content-type': directoryType }).write('{'),
  ]
  for (const answer of cases) {
    world.answer = answer
    world.outcomes.length = 0
    const before = world.requests.length
    const asked = asking(world, { timeout: '2s' })(signer)
    await waitUntil('it was asked', () => world.requests.length > before)
    world.clock.advance(2_000)
    assert.equal(await asked, 'key-unavailable')
    assert.deepEqual(world.outcomes, ['timeout'])
  }
  const neverResolved = { resolve: () => new Promise<never>(() => {}) }
  const asked = asking(world, { timeout: '2s', network: neverResolved })(signer)
  world.clock.advance(2_000)
  assert.equal(await asked, 'key-unavailable')
})

test('a name with one private address among public ones is not connected to', async () => {
  await using world = await directoryWorld()
  const { signer, jwk } = agentKey()
  world.jwks = { keys: [jwk] }
  const privates = [
    '169.254.169.254',
    '10.0.0.1',
    '127.0.0.1',
    '::1',
    'fc00::1',
    '100.64.0.1',
    '::ffff:10.0.0.1',
  ]
  for (const address of privates) {
    const directory = new AgentDirectory({
      clock: world.clock,
      onFetch: (outcome) => world.outcomes.push(outcome),
      network: {
        port: world.port,
        ca: world.ca,
        resolve: async () => [{ address: '93.184.216.34', family: 4 }, { address, family: 4 }],
      },
    })
    const verifier = new AgentVerifier({ directory, clock: world.clock })
    const answer = await verifier.verify(agentRequest(world.clock, signer))
    assert.equal(answer.status, 'unverified', address)
  }
  assert.deepEqual(world.outcomes, privates.map(() => 'refused-address'))
  assert.deepEqual(world.requests, [])
})

test('the address that was checked is the one connected to: the name is resolved once', async () => {
  await using world = await directoryWorld()
  const { signer, jwk } = agentKey()
  world.jwks = { keys: [jwk] }
  const resolved: string[] = []
  const network = {
    resolve: async (name: string) => {
      resolved.push(name)
      return [{ address: resolved.length === 1 ? '127.0.0.1' : '127.0.0.2', family: 4 }]
    },
    isAllowed: (address: string) => address === '127.0.0.1',
  }
  assert.equal(await asking(world, { network })(signer), 'verified')
  assert.deepEqual(resolved, ['agent.example'])
})

test('a server without a certificate for the name is not believed', async () => {
  await using world = await directoryWorld()
  const { signer, jwk } = agentKey()
  world.jwks = { keys: [jwk] }
  assert.equal(await asking(world)(signer, 'impostor.example'), 'key-unavailable')
  assert.deepEqual(world.outcomes, ['unreachable'])
})

test('requests that wait for one agent share one fetch', async () => {
  await using world = await directoryWorld()
  const { signer, jwk } = agentKey()
  world.jwks = { keys: [jwk] }
  const ask = asking(world)
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(signer)))
  assert.deepEqual(new Set(answers), new Set(['verified']))
  assert.equal(world.requests.length, 1)
})

test('keys that are no longer fresh are used at once, and fetched anew behind the request', async () => {
  await using world = await directoryWorld()
  const [old, next] = [agentKey(), agentKey()]
  world.jwks = { keys: [old.jwk] }
  const ask = asking(world)
  assert.equal(await ask(old.signer), 'verified')
  world.jwks = { keys: [next.jwk] }
  world.clock.advance(3_600_000)
  assert.equal(await ask(old.signer), 'verified', 'stale while revalidating')
  await waitUntil('the second fetch is done', () => world.outcomes.length === 2)
  assert.equal(await ask(old.signer), 'unknown-key', 'taken back')
  assert.equal(await ask(next.signer), 'verified')
  assert.equal(world.requests.length, 2)
})

test('a new key is found before the directory is stale, but asked for once a minute at most', async () => {
  await using world = await directoryWorld()
  const [old, next] = [agentKey(), agentKey()]
  world.jwks = { keys: [old.jwk] }
  const ask = asking(world)
  assert.equal(await ask(old.signer), 'verified')
  world.jwks = { keys: [old.jwk, next.jwk] }
  world.clock.advance(59_999)
  assert.equal(await ask(next.signer), 'unknown-key')
  world.clock.advance(1)
  assert.equal(await ask(next.signer), 'verified')
  assert.equal(await ask(agentKey().signer), 'unknown-key')
  assert.equal(world.requests.length, 2)
})

test('a failed fetch takes no keys away until they are too stale, and is not tried again at once', async () => {
  await using world = await directoryWorld()
  const { signer, jwk } = agentKey()
  world.jwks = { keys: [jwk] }
  const ask = asking(world, { stale: '2h' })
  assert.equal(await ask(signer), 'verified')
  world.answer = (_request, response) => void response.writeHead(500).end()
  world.clock.advance(3_600_000)
  assert.equal(await ask(signer), 'verified')
  await waitUntil('it failed', () => world.outcomes.length === 2)
  assert.equal(await ask(signer), 'verified')
  assert.equal(world.requests.length, 2, 'no second try within 30 seconds')
  world.clock.advance(7_200_000)
  assert.equal(await ask(signer), 'key-unavailable', 'too stale')
  assert.equal(await ask(signer), 'key-unavailable')
  assert.equal(world.requests.length, 3)
})

test('a directory that failed is asked again after 30 seconds, and not before', async () => {
  await using world = await directoryWorld()
  const { signer, jwk } = agentKey()
  world.jwks = { keys: [jwk] }
  const { answer } = world
  world.answer = (_request, response) => void response.writeHead(500).end()
  const ask = asking(world)
  for (let at = 0; at < 5; at++) assert.equal(await ask(signer), 'key-unavailable')
  world.clock.advance(29_999)
  assert.equal(await ask(signer), 'key-unavailable')
  assert.deepEqual(world.outcomes, ['refused-status'])
  world.answer = answer
  world.clock.advance(1)
  assert.equal(await ask(signer), 'verified')
})

test('a key counts between its nbf and its exp only', async () => {
  await using world = await directoryWorld()
  const { signer, jwk } = agentKey()
  const start = world.clock.epochMs() / 1000
  world.jwks = { keys: [{ ...jwk, nbf: start + 10, exp: start + 20 }] }
  const ask = asking(world)
  assert.equal(await ask(signer), 'unknown-key')
  world.clock.advance(10_000)
  assert.equal(await ask(signer), 'verified')
  world.clock.advance(10_000)
  assert.equal(await ask(signer), 'unknown-key')
})

test('agents that are not on the list are not asked', async () => {
  await using world = await directoryWorld()
  const { signer, jwk } = agentKey()
  world.jwks = { keys: [jwk] }
  const ask = asking(world, { agents: ['agent.example', '*.agents.example'] })
  assert.equal(await ask(signer), 'verified')
  assert.equal(await ask(signer, 'one.agents.example'), 'verified')
  assert.equal(await ask(signer, 'evil-agents.example'), 'unknown-key')
  assert.equal(await ask(signer, 'evil-agent.example'), 'unknown-key')
  assert.equal(await ask(signer, 'agents.example'), 'unknown-key')
  assert.equal(world.requests.length, 2)
})

test('a flood of made-up agents is bounded in fetches, and pushes no real one out', async () => {
  await using world = await directoryWorld()
  const { signer, jwk } = agentKey()
  world.answer = (request, response) =>
    request.headers.host === 'agent.example' ?
      sendKeys(response, { keys: [jwk] }) :
      void response.writeHead(404).end()
  const ask = asking(world, { maxAgents: 5, newAgentsPerMinute: 20 })
  assert.equal(await ask(signer), 'verified')
  for (let at = 0; at < 40; at++) assert.equal(await ask(signer, `a${at}.agents.example`), 'key-unavailable')
  assert.equal(world.requests.length, 20)
  assert.equal(await ask(signer), 'verified')
  assert.equal(world.requests.length, 20)
  world.clock.advance(60_000)
  await ask(signer, 'later.agents.example')
  assert.equal(world.requests.length, 21)
})

test('no more than maxFetches are under way at once', async () => {
  await using world = await directoryWorld()
  const { signer } = agentKey()
  world.answer = () => {}
  const ask = asking(world, { maxFetches: 3, timeout: '1s' })
  const asked = Array.from({ length: 6 }, (_, at) => ask(signer, `a${at}.agents.example`))
  await waitUntil('three were asked', () => world.requests.length === 3)
  assert.deepEqual(world.outcomes, ['limited', 'limited', 'limited'])
  world.clock.advance(1_000)
  await Promise.all(asked)
  assert.equal(world.requests.length, 3)
})

test('freshness: what the directory says, between a minute and a day, a tenth less by chance', () => {
  const never = (): number => 0
  assert.equal(freshForMs(undefined, never), 3_600_000)
  assert.equal(freshForMs('public, max-age=7200', never), 7_200_000)
  assert.equal(freshForMs('max-age=7200', () => 0.5), 6_840_000)
  assert.equal(freshForMs('max-age=0', never), 60_000)
  assert.equal(freshForMs('no-store', never), 60_000)
  assert.equal(freshForMs('max-age=999999999', never), 86_400_000)
  assert.equal(freshForMs('s-max-age=5', never), 3_600_000)
})

test('settings that cannot be stop the boot', () => {
  for (const options of [{ maxKeys: 0 }, { maxBytes: 1.5 }, { timeout: 'soon' }, { maxAgents: -1 }]) {
    assert.throws(() => new AgentDirectory(options as AgentDirectoryOptions), { code: 'SETTING_INVALID' })
  }
})
