// A process that keeps a projection up to date, and builds it anew where that was asked for, until it is killed.
import pg from 'pg'
import { MetricsRegistry } from '../../telemetry/index.ts'
import { openLeases } from '../lease/index.ts'
import { openOutbox } from '../outbox/index.ts'
import { openProjections } from './projections.ts'
import { bestSellers } from './sales.fixture.ts'

export interface ProcessOrder {
  readonly url: string
}

process.once('message', async ({ url }: ProcessOrder) => {
  const pool = new pg.Pool({ connectionString: url, max: 10 })
  pool.on('error', () => {})
  const log = await openOutbox({ pool })
  const leases = await openLeases({ pool, leaseMs: 600 })
  // Small steps, so that there is something to be killed in.
  const projections = [bestSellers({ batch: 5 })]
  const own = await openProjections({ pool, projections, log, leases, registry: new MetricsRegistry() })
  await own.worker().start()
  process.send?.('started')
})
