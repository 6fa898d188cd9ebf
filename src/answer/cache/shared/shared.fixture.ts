import { Redis } from 'ioredis'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { type TestRedis } from '../../../engines/redis/redis.fixture.ts'
import { waitUntil } from '../../../engines/wait-until.fixture.ts'

export const password = 'cache'

/** A line to a Redis that can be cut without either end being told, as a network does it. */
export interface CuttableLine extends AsyncDisposable {
  readonly port: number
  cut(): void
  heal(): void
}

export async function cuttableLine (toPort: number): Promise<CuttableLine> {
  const sockets = new Set<Socket>()
  let isCut = false
  const server: Server = createServer((near) => {
    const far = connect(toPort, '127.0.0.1')
    for (const [from, to] of [[near, far], [far, near]] as const) {
      sockets.add(from)
      if (isCut) from.pause()
      from.pipe(to)
      from.on('error', () => to.destroy())
      from.on('close', () => sockets.delete(from))
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a TCP address')
  return {
    port: address.port,
    cut () {
      isCut = true
      for (const socket of sockets) socket.unpipe().pause()
    },
    heal () {
      isCut = false
      // Connections of before are gone, as after a cut that lasted.
      for (const socket of sockets) socket.destroy()
    },
    async [Symbol.asyncDispose] () {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** A connected client, as the redis engine makes them. */
export async function clientOf (port: number): Promise<Redis> {
  const redis = new Redis({
    port,
    host: '127.0.0.1',
    password,
    maxRetriesPerRequest: 1,
    retryStrategy: () => 20,
  })
  redis.on('error', () => {})
  await waitUntil('the client is connected', () => redis.status === 'ready')
  return redis
}

export type { TestRedis }
