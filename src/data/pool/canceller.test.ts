import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import type { PoolClient } from 'pg'
import { manualClock } from '../../kernel/index.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import { Canceller } from './canceller.ts'
import { poolMetrics } from './metrics.ts'
import { Statement } from './statement.ts'

function cancellerWith (clock: ReturnType<typeof manualClock>): Canceller {
  const metrics = poolMetrics(new MetricsRegistry(), () => ({ used: 0, idle: 0, waiting: 0, max: 1 }))
  return new Canceller({ clock, metrics, limit: 1, confirmMs: 1_000 })
}

function statement (): Statement {
  const nothing = (): void => {}
  const given = { text: 'SELECT 1', values: undefined, context: undefined, resolve: nothing, reject: nothing }
  return new Statement({ giveUp: nothing }, given)
}

/** What the canceller reads of a client. */
function clientOf (port: number, processID: number | null): PoolClient {
  const connection = { stream: {} }
  const client = { host: '127.0.0.1', port, ssl: false, connection, processID, secretKey: 2 }
  return client as unknown as PoolClient
}

test('a server that gave no key is sent nothing, and its connection is cut when its time is over', async () => {
  const clock = manualClock()
  const running = statement()
  let cuts = 0
  const cancelled = cancellerWith(clock).cancel(clientOf(1, null), running, () => {
    cuts++
    running.end()
  })
  clock.advance(999)
  assert.equal(cuts, 0)
  clock.advance(1)
  assert.equal(cuts, 1)
  await cancelled
  assert.equal(clock.pending(), 0)
})

test('a request that may still arrive cuts the connection, though its statement has ended', async () => {
  const clock = manualClock()
  const accepted = Promise.withResolvers<Socket>()
  const server = createServer((socket) => socket.once('data', () => accepted.resolve(socket))).listen(
    0,
    '127.0.0.1'
  )
  await once(server, 'listening')
  const running = statement()
  let cuts = 0
  const { port } = server.address() as AddressInfo
  const cancelled = cancellerWith(clock).cancel(clientOf(port, 1), running, () => cuts++)
  const socket = await accepted.promise
  running.end()
  clock.advance(1_000)
  await cancelled
  assert.ok(cuts >= 1)
  socket.destroy()
  server.close()
})
