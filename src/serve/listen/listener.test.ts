import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openListener } from './index.ts'
import { listening, waitUntil } from './listening.fixture.ts'
import { get, rawClient, responses } from './raw-client.fixture.ts'

const anyPort = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const
const timeout = 60_000

test('one handler answers at several addresses, TCP and UNIX', { timeout }, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'listen-'))
  {
    const path = join(directory, 'socket')
    await using server = await listening((_request, response) => response.end('served'), {
      addresses: [anyPort, { kind: 'unix', path }, anyPort],
    })
    const ports = server.bound.map((address) => address.kind === 'tcp' ? { port: address.port } : address)
    for (const target of ports) {
      await using client = await rawClient(target)
      client.send(get('/', 'Connection: close\r\n'))
      assert.match(await client.ended(), /served/)
    }
  }
  await rm(directory, { recursive: true })
})

test(
  'an upgrade at the second address reaches who listens for upgrades on the first server',
  { timeout },
  async () => {
    await using server = await listening((_request, response) => response.end('plain'), {
      addresses: [anyPort, anyPort],
    })
    const second = server.bound[1]
    assert(second?.kind === 'tcp')
    const upgrade = get('/', 'Connection: Upgrade\r\nUpgrade: test\r\n')

    await using before = await rawClient({ port: second.port })
    before.send(upgrade)
    await before.until((text) => text.endsWith('plain'))

    const onUpgrade = (_request: unknown, socket: NodeJS.WritableStream): void => {
      socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\nupgraded')
    }
    server.server.on('upgrade', onUpgrade)
    await using during = await rawClient({ port: second.port })
    during.send(upgrade)
    await during.until((text) => text.endsWith('upgraded'))

    server.server.off('upgrade', onUpgrade)
    await using after = await rawClient({ port: second.port })
    after.send(upgrade)
    await after.until((text) => text.endsWith('plain'))
  }
)

test(
  'a port in use is refused by name, and what was bound before it is free again',
  { timeout },
  async () => {
    await using taken = await listening(() => {})
    const listener = openListener({ addresses: [anyPort, { ...anyPort, port: taken.port }] })
    const server = listener.attach(() => {})
    await assert.rejects(listener.listen(), {
      name: 'ListenError',
      code: 'PORT_IN_USE',
      message: `cannot listen at 127.0.0.1:${taken.port}: ` +
        'another process uses this port; stop it, or choose another port',
    })
    assert.equal(server.listening, false)
  }
)

test(
  'an address that is not of this machine, and a host without address, are refused by name',
  { timeout },
  async () => {
    await assert.rejects(listening(() => {}, { addresses: [{ ...anyPort, host: '203.0.113.1' }] }), {
      code: 'ADDRESS_UNAVAILABLE',
    })
    await assert.rejects(listening(() => {}, { addresses: [{ ...anyPort, host: 'nowhere.invalid' }] }), {
      code: 'HOST_NOT_FOUND',
    })
  }
)

test('options that cannot be are refused before anything is opened', () => {
  const base = { addresses: [anyPort] }
  assert.throws(() => openListener({ addresses: [] }), { setting: 'listen' })
  assert.throws(() => openListener({ ...base, backlog: 0 }), { setting: 'backlog' })
  assert.throws(() => openListener({ ...base, http2: true }), { setting: 'http2' })
  assert.throws(() => openListener({ ...base, socketMode: '888' }), { setting: 'socketMode' })
  assert.throws(() => openListener({ ...base, limits: { headersTimeoutMs: 2, requestTimeoutMs: 1 } }), {
    setting: 'limits.headersTimeout',
  })
  assert.throws(() => openListener({ ...base, limits: { connections: -1 } }), {
    setting: 'limits.connections',
  })
})

test(
  'pipelined requests are answered in order, whatever order the handlers finish in',
  { timeout },
  async () => {
    const finish = new Map<string | undefined, () => void>()
    await using server = await listening((request, response) => {
      finish.set(request.url, () => response.end(`<${request.url}>`))
    })
    await using client = await rawClient({ port: server.port })
    client.send(get('/1') + get('/2') + get('/3'))
    await waitUntil(() => finish.size === 3)
    finish.get('/3')?.()
    finish.get('/2')?.()
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(client.text(), '')
    finish.get('/1')?.()
    assert.match(await client.until((text) => text.endsWith('</3>')), /<\/1>[^]*<\/2>[^]*<\/3>/)
  }
)

test('connections() counts what is open, whatever the address', { timeout }, async () => {
  await using server = await listening((_request, response) => response.end(), {
    addresses: [anyPort, anyPort],
  })
  const [first, second] = server.bound
  assert(first?.kind === 'tcp' && second?.kind === 'tcp')
  {
    await using _one = await rawClient({ port: first.port })
    await using _two = await rawClient({ port: second.port })
    await waitUntil(() => server.listener.connections() === 2)
  }
  await waitUntil(() => server.listener.connections() === 0)
})

test(
  'limits.connections holds for the sum of all addresses, and what it drops is counted',
  { timeout },
  async () => {
    await using server = await listening((_request, response) => response.end('served'), {
      addresses: [anyPort, anyPort],
      limits: { connections: 2 },
    })
    const [first, second] = server.bound
    assert(first?.kind === 'tcp' && second?.kind === 'tcp')
    await using one = await rawClient({ port: first.port })
    await using _two = await rawClient({ port: second.port })
    await waitUntil(() => server.listener.connections() === 2)
    for (const port of [first.port, second.port]) {
      await using dropped = await rawClient({ port })
      assert.equal(await dropped.ended().catch(() => ''), '')
    }
    assert.equal(server.listener.dropped(), 2)
    one.send(get('/', 'Connection: close\r\n'))
    await one.ended()
    await waitUntil(() => server.listener.connections() === 1)
    await using again = await rawClient({ port: second.port })
    again.send(get('/'))
    assert.equal(responses(await again.until((text) => text.endsWith('served'))), 1)
  }
)
