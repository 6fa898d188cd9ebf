import { Redis } from 'ioredis'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { redisProgram, type TestRedis, testRedis } from '../../../engines/redis/redis.fixture.ts'
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

/** A Redis Cluster of one node, which refuses scripts over several slots as any does. */
export async function clusterNode (): Promise<TestRedis> {
  const free = await testRedis(password)
  await free[Symbol.asyncDispose]()
  const folder = await mkdtemp(join(tmpdir(), 'plimsoll-cache-'))
  const common = ['--bind', '127.0.0.1', '--port', String(free.port), '--save', '', '--requirepass', password]
  const cluster = ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1', '--dir', folder]
  const child = spawn(redisProgram ?? '', [...common, ...cluster], { stdio: 'ignore' })
  const redis = await clientOf(free.port)
  await redis.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
  await waitUntil(
    'the cluster is up',
    async () => String(await redis.call('CLUSTER', 'INFO')).includes('cluster_state:ok')
  )
  redis.disconnect()
  return {
    port: free.port,
    process: child,
    async [Symbol.asyncDispose] () {
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
      await rm(folder, { recursive: true })
    },
  }
}
