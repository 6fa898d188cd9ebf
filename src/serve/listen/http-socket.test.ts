import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { currentResponse, isUpgraded, onlyResponse } from './http-socket.ts'
import { listening, waitUntil } from './listening.fixture.ts'
import { get, rawClient } from './raw-client.fixture.ts'

const timeout = 60_000

test(
  'this release of node still says which response is written, and whether others wait',
  { timeout },
  async () => {
    const waiting: ServerResponse[] = []
    await using server = await listening((_request, response) => void waiting.push(response))
    const accepted: Socket[] = []
    server.server.on('connection', (socket: Socket) => accepted.push(socket))
    await using client = await rawClient({ port: server.port })
    await waitUntil(() => accepted.length === 1)
    const [socket] = accepted as [Socket]
    assert.equal(currentResponse(socket), undefined)

    client.send(get('/1'))
    await waitUntil(() => waiting.length === 1)
    assert.equal(currentResponse(socket), waiting[0])
    assert.equal(onlyResponse(socket), waiting[0])

    client.send(get('/2'))
    await waitUntil(() => waiting.length === 2)
    assert.equal(currentResponse(socket), waiting[0])
    assert.equal(onlyResponse(socket), undefined)

    waiting[0]?.end()
    await waitUntil(() => currentResponse(socket) === waiting[1])
    assert.equal(onlyResponse(socket), waiting[1])
    waiting[1]?.end()
    await waitUntil(() => currentResponse(socket) === undefined)
    assert.equal(isUpgraded(socket), false)
  }
)

test('this release of node still shows that a connection has left HTTP', { timeout }, async () => {
  await using server = await listening(() => {})
  const upgraded = Promise.withResolvers<Socket>()
  server.server.on('upgrade', (_request, socket: Socket) => upgraded.resolve(socket))
  await using client = await rawClient({ port: server.port })
  client.send(get('/', 'Connection: Upgrade\r\nUpgrade: test\r\n'))
  const socket = await upgraded.promise
  assert.equal(isUpgraded(socket), true)
  assert.equal(currentResponse(socket), undefined)
})
