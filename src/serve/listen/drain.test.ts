import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { type ManualClock, manualClock } from '../../kernel/index.ts'
import { listening, waitUntil } from './listening.fixture.ts'
import { get, rawClient, responses } from './raw-client.fixture.ts'

const grace = { graceMs: 30_000, idleMs: 1_000 }
const timeout = 60_000

test('a drain without connections ends at once', { timeout }, async () => {
  await using server = await listening((_request, response) => response.end())
  assert.deepEqual(
    { ...await server.listener.drain(grace), durationMs: 0 },
    { closed: 'all', cut: 0, idle: 0, durationMs: 0 }
  )
})

test('new connections are refused while a request in flight finishes', { timeout }, async () => {
  const asked = Promise.withResolvers<ServerResponse>()
  await using server = await listening((_request, response) => asked.resolve(response))
  await using client = await rawClient({ port: server.port })
  client.send(get('/'))
  const response = await asked.promise
  const drained = server.listener.drain(grace)
  await assert.rejects(rawClient({ port: server.port }), { code: 'ECONNREFUSED' })
  response.end('late')
  assert.match(await client.ended(), /Connection: close\r\n[^]*late$/)
  assert.deepEqual({ ...await drained, durationMs: 0 }, { closed: 'all', cut: 0, idle: 0, durationMs: 0 })
})

test(
  'an idle keep-alive connection gets one more answer, which says that it is the last',
  { timeout },
  async () => {
    await using server = await listening((_request, response) => response.end('served'))
    await using client = await rawClient({ port: server.port })
    client.send(get('/1'))
    assert.match(await client.until((text) => text.endsWith('served')), /Connection: keep-alive/i)
    const drained = server.listener.drain(grace)
    client.send(get('/2'))
    assert.match(await client.ended(), /served[^]*Connection: close[^]*served/)
    assert.equal((await drained).idle, 0)
  }
)

test(
  'a stream begun before the drain is whole, and its client may use the connection once more',
  { timeout },
  async () => {
    const asked = Promise.withResolvers<ServerResponse>()
    await using server = await listening((request, response) => {
      if (request.url !== '/stream') return response.end('second')
      response.write('begin ')
      asked.resolve(response)
    })
    await using client = await rawClient({ port: server.port })
    client.send(get('/stream'))
    const response = await asked.promise
    await client.until((text) => text.includes('begin '))
    const drained = server.listener.drain(grace)
    response.end('end')
    await client.until((text) => text.endsWith('0\r\n\r\n'))
    client.send(get('/again'))
    assert.match(await client.ended(), /Connection: close[^]*second/)
    assert.equal((await drained).closed, 'all')
  }
)

test('a connection silent for idleMs is ended, not reset, and not before', { timeout }, async () => {
  const clock = manualClock()
  await using server = await listening((_request, response) => response.end('served'), { clock })
  await using client = await rawClient({ port: server.port })
  client.send(get('/'))
  await client.until((text) => text.endsWith('served'))
  const drained = server.listener.drain(grace)
  clock.advance(900)
  assert.equal(client.socket.readableEnded, false)
  clock.advance(200)
  await client.ended()
  assert.deepEqual({ ...await drained, durationMs: 0 }, { closed: 'all', cut: 0, idle: 1, durationMs: 0 })
})

test(
  'a request that has arrived when its connection is to be closed as idle is answered',
  { timeout },
  async () => {
    const clock = manualClock()
    await using server = await listening((_request, response) => response.end('served'), { clock })
    await using client = await rawClient({ port: server.port })
    await waitUntil(() => server.listener.connections() === 1)
    const drained = server.listener.drain(grace)
    const sent = new Promise<void>((resolve) => client.socket.write(get('/'), () => resolve()))
    // The write above is a system call: the bytes wait in the kernel when the clock says that the time is over.
    clock.advance(2_000)
    await sent
    assert.match(await client.ended(), /Connection: close[^]*served/)
    assert.equal((await drained).idle, 0)
  }
)

/** Lets time pass as a real clock would: the loop polls in between. */
async function pass (clock: ManualClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 250) {
    clock.advance(250)
    for (let turns = 0; turns < 3; turns++) await new Promise((resolve) => setImmediate(resolve))
  }
}

test('a request whose headers arrive slowly is not idle', { timeout }, async () => {
  const clock = manualClock()
  await using server = await listening((_request, response) => response.end('served'), { clock })
  const accepted: Socket[] = []
  server.server.on('connection', (socket: Socket) => accepted.push(socket))
  await using client = await rawClient({ port: server.port })
  await waitUntil(() => server.listener.connections() === 1)
  const drained = server.listener.drain(grace)
  client.send('GET / HTTP/1.1\r\n')
  await waitUntil(() => (accepted[0]?.bytesRead ?? 0) > 0)
  await pass(clock, 5_000)
  client.send('Host: test\r\n\r\n')
  assert.match(await client.ended(), /served/)
  assert.equal((await drained).idle, 0)
})

test('a response that takes longer than every limit but the grace is not idle', { timeout }, async () => {
  const clock = manualClock()
  const asked = Promise.withResolvers<ServerResponse>()
  await using server = await listening((_request, response) => asked.resolve(response), { clock })
  await using client = await rawClient({ port: server.port })
  client.send(get('/'))
  const response = await asked.promise
  const drained = server.listener.drain({ graceMs: 60_000, idleMs: 500 })
  await pass(clock, 30_000)
  response.end('late')
  assert.match(await client.ended(), /late$/)
  assert.deepEqual(await drained, { closed: 'all', cut: 0, idle: 0, durationMs: 30_000 })
})

test(
  'requests pipelined in one piece are all answered, the last with Connection: close',
  { timeout },
  async () => {
    await using server = await listening((request, response) => response.end(`<${request.url}>`))
    await using client = await rawClient({ port: server.port })
    await waitUntil(() => server.listener.connections() === 1)
    const drained = server.listener.drain(grace)
    client.send(get('/1') + get('/2') + get('/3'))
    const text = await client.ended()
    assert.equal(responses(text), 3)
    assert.match(text, /<\/1>[^]*<\/2>[^]*Connection: close[^]*<\/3>/)
    assert.equal(text.split('Connection: close').length, 2)
    await drained
  }
)

test('requests pipelined before the drain are all answered', { timeout }, async () => {
  const waiting: ServerResponse[] = []
  await using server = await listening((_request, response) => void waiting.push(response))
  await using client = await rawClient({ port: server.port })
  client.send(get('/1') + get('/2'))
  await waitUntil(() => waiting.length === 2)
  const drained = server.listener.drain(grace)
  waiting[1]?.end('two')
  waiting[0]?.end('one')
  await client.until((text) => /one[^]*two/.test(text))
  client.send(get('/3'))
  await waitUntil(() => waiting.length === 3)
  waiting[2]?.end('three')
  assert.match(await client.ended(), /one[^]*two[^]*Connection: close[^]*three/)
  await drained
})

test(
  'what is left at the end of the grace is cut and counted, upgraded connections among it',
  { timeout },
  async () => {
    const clock = manualClock()
    const asked = Promise.withResolvers<void>()
    await using server = await listening(() => asked.resolve(), { clock })
    const upgraded = Promise.withResolvers<void>()
    server.server.on('upgrade', (_request, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n')
      upgraded.resolve()
    })
    await using held = await rawClient({ port: server.port })
    await using webSocket = await rawClient({ port: server.port })
    held.send(get('/held'))
    webSocket.send(get('/', 'Connection: Upgrade\r\nUpgrade: test\r\n'))
    await Promise.all([asked.promise, upgraded.promise])
    const drained = server.listener.drain({ graceMs: 5_000, idleMs: 100 })
    await pass(clock, 4_750)
    assert.equal(server.listener.connections(), 2)
    clock.advance(250)
    assert.deepEqual(await drained, { closed: 'cut', cut: 2, idle: 0, durationMs: 5_000 })
  }
)

test('a second drain joins the first', { timeout }, async () => {
  await using server = await listening((_request, response) => response.end())
  assert.equal(server.listener.drain(grace), server.listener.drain({ graceMs: 0, idleMs: 0 }))
  await server.listener.drain(grace)
})

test('before a drain, responses and connections are as node makes them', { timeout }, async () => {
  await using server = await listening((_request, response) => response.end('served'))
  await using client = await rawClient({ port: server.port })
  client.send(get('/1'))
  await client.until((text) => responses(text) === 1)
  client.send(get('/2'))
  assert.doesNotMatch(await client.until((text) => responses(text) === 2), /Connection: close/)
  client.socket.end()
  await once(client.socket, 'close')
})
