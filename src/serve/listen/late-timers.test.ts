import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { type ManualClock, manualClock } from '../../kernel/index.ts'
import { LateTimers } from './late-timers.ts'
import { listening, waitUntil } from './listening.fixture.ts'
import { rawClient } from './raw-client.fixture.ts'

const timeout = 20_000

interface Setup extends AsyncDisposable {
  readonly clock: ManualClock
  readonly client: Socket
  /** The server's end of the connection. */
  readonly socket: Socket
  /** Asks, and waits until the connection is silent again. */
  readonly ask: () => Promise<void>
}

/** One connection of which a minute of silence is allowed, on a clock of ours. */
async function open (
  handler: RequestListener = (_request, response) => void response.end('ok')
): Promise<Setup> {
  const clock = manualClock()
  const server = createServer({ keepAliveTimeout: 60_000 }, handler)
  const sockets = new Set<Socket>()
  const timers = new LateTimers(sockets, clock)
  const taken = Promise.withResolvers<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    timers.watch(server, socket)
    taken.resolve(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const socket = await taken.promise
  let text = ''
  client.setEncoding('latin1').on('data', (chunk: string) => text += chunk)
  return {
    clock,
    client,
    socket,
    async ask () {
      text = ''
      client.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
      await waitUntil(() => text.endsWith('ok'))
    },
    async [Symbol.asyncDispose] () {
      client.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

test('a connection that is silent for less than half of its time has no timer', { timeout }, async () => {
  await using setup = await open()
  await setup.ask()
  setup.clock.advance(29_000)
  assert.ok(!setup.socket.timeout)
  await setup.ask()
  setup.clock.advance(29_000)
  assert.ok(!setup.socket.timeout)
})

test(
  'from half of its time on it has one, for the rest, and loses it with the next request',
  { timeout },
  async () => {
    await using setup = await open()
    await setup.ask()
    setup.clock.advance(40_000)
    // A minute, and the second that Node adds to it; looked at each second.
    assert.equal(setup.socket.timeout, 61_000 - 31_000)
    await setup.ask()
    assert.equal(setup.socket.timeout, 0)
    setup.clock.advance(20_000)
    assert.equal(setup.socket.timeout, 0)
  }
)

test('what a handler asks of its connection is heard at once', { timeout }, async () => {
  const seen: unknown[] = []
  await using setup = await open(({ socket }, response) => {
    socket.setTimeout(61_000)
    seen.push(socket.timeout)
    const heard = (): void => {}
    socket.setTimeout(5_000, heard)
    seen.push(socket.timeout, socket.listeners('timeout').includes(heard))
    socket.setTimeout(0, heard)
    seen.push(socket.timeout, socket.listeners('timeout').includes(heard))
    response.end('ok')
  })
  await setup.ask()
  assert.deepEqual(seen, [61_000, 5_000, true, 0, false])
})

test('a timer from before is ended by the first request', { timeout }, async () => {
  await using setup = await open()
  const { setTimeout: start } = Object.getPrototypeOf(setup.socket) as Socket
  Reflect.apply(start, setup.socket, [7_000])
  await setup.ask()
  assert.ok(!setup.socket.timeout)
})

test('a listener starts them late, and tells clients the time all the same', { timeout }, async () => {
  const sockets: Socket[] = []
  await using server = await listening(({ socket }, response) => {
    sockets.push(socket)
    response.end('served')
  })
  await using client = await rawClient({ port: server.port })
  client.send('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  assert.match(await client.until((text) => text.endsWith('served')), /\r\nKeep-Alive: timeout=65\r\n/)
  assert.ok(!sockets[0]?.timeout)
})
