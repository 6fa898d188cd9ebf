// A process that consumes from the log until it is killed.
import pg from 'pg'
import { MetricsRegistry } from '../../telemetry/index.ts'
import { openLeases } from '../lease/index.ts'
import { openOutbox } from '../outbox/index.ts'
import { openConsumers } from './consumers.ts'
import { defineConsumer, type Handling } from './define-consumer.ts'
import { logSource } from './log-source.ts'
import { orderPlaced, type Placed } from './orders.fixture.ts'

export interface ProcessOrder {
  readonly url: string
  /** The handling of events of this order ends the process. */
  readonly poison?: string
  readonly batch: boolean
}

process.once('message', async ({ url, poison, batch }: ProcessOrder) => {
  const pool = new pg.Pool({ connectionString: url, max: 12 })
  pool.on('error', () => {})
  const log = await openOutbox({ pool })
  const leases = await openLeases({ pool, leaseMs: 1_000 })
  async function write ({ orderId, nth }: Placed, { tx }: Handling): Promise<void> {
    await tx.query('INSERT INTO effect (order_id, nth) VALUES ($1, $2)', [orderId, nth])
    if (orderId === poison) process.kill(process.pid, 'SIGKILL')
    if (!batch) await tx.query('SELECT pg_sleep(0.002)')
  }
  const settings = {
    deadline: '5s',
    // A lease that was lost while the machine stood still counts as an attempt, too.
    retry: { attempts: poison === undefined ? 5 : 1, base: '10ms' },
  } as const
  const consumer = batch ?
    defineConsumer('ledger', {
      ...settings,
      on: [orderPlaced],
      batch: {
        size: 20,
        async run (events, handling) {
          for (const payload of events.of(orderPlaced)) await write(payload, handling)
        },
      },
    }) :
    defineConsumer('ledger', { ...settings, concurrency: 4, on: [orderPlaced.handle(write)] })
  const source = logSource({ log, pool, leases, lookEveryMs: 100 })
  const consumers = await openConsumers({
    pool,
    consumers: [consumer],
    sources: { log: source },
    registry: new MetricsRegistry(),
  })
  await consumers.worker().start()
  process.send?.('started')
})
