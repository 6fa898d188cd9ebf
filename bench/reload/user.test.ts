import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import { Tally } from './tally.ts'
import { User } from './user.ts'

const pong = 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\npong'

interface Tried {
  readonly tally: Tally
  /** How many requests each connection brought. */
  readonly perConnection: readonly number[]
}

/** One user against a server that treats the n-th request (from 0) as told, until `until` of them came. */
async function tryUser (
  treat: (socket: net.Socket, request: number) => void,
  until: number,
  connectAnew = false
): Promise<Tried> {
  const perConnection: number[] = []
  let requests = 0
  const enough = Promise.withResolvers<void>()
  const server = net.createServer((socket) => {
    const at = perConnection.push(0) - 1
    socket.on('error', () => {}).on('data', () => {
      perConnection[at] = (perConnection[at] ?? 0) + 1
      treat(socket, requests++)
      if (requests === until) enough.resolve()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const tally = new Tally()
  const user = new User({
    host: '127.0.0.1',
    port,
    tls: false,
    connectAnew,
    path: '/ping',
    thinkMs: 0,
    tally,
  })
  await enough.promise
  await user.stop()
  server.close()
  return { tally, perConnection }
}

test('a kept connection brings all requests, and every answer is counted', async () => {
  const { tally, perConnection } = await tryUser((socket) => socket.write(pong), 5)
  assert.deepEqual([tally.completed, tally.failed], [5, 0])
  assert.deepEqual(perConnection, [5])
})

test('a connection that announces its close is left for a new one, and nothing has failed', async () => {
  const closing = pong.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')
  const { tally, perConnection } = await tryUser((socket) => socket.end(closing), 3)
  assert.deepEqual([tally.completed, tally.failed], [3, 0])
  assert.deepEqual(perConnection, [1, 1, 1])
})

test('a request without an answer has failed and is not sent again', async () => {
  const { tally } = await tryUser((socket, at) => (at === 1 ? socket.end() : socket.write(pong)), 4)
  assert.deepEqual([tally.completed, tally.reasons], [3, 'closed without an answer 1'])
})

test('an answer that is cut short, one of the wrong length and a 503 have failed', async () => {
  const answers = [
    pong.slice(0, -1),
    pong.replace('4', '3').slice(0, -1),
    pong.replace('200', '503'),
    pong,
  ]
  const { tally } = await tryUser((socket, at) => socket.end(answers[at] ?? pong), 4, true)
  assert.equal(tally.completed, 1)
  assert.deepEqual(
    tally.reasons.split(', ').toSorted(),
    ['cut short 1', 'status 5xx 1', 'wrong answer 1']
  )
})

test('a reset is told from a close', async () => {
  const { tally } = await tryUser((socket, at) => {
    if (at === 0) socket.resetAndDestroy()
    else socket.write(pong)
  }, 2)
  assert.deepEqual([tally.completed, tally.reasons], [1, 'reset 1'])
})
