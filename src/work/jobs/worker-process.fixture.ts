// A worker in a process of its own, to be killed and stopped.
import pg from 'pg'
import { governPool } from '../../data/index.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import { inTransaction, onItsOwn } from './effect-jobs.fixture.ts'
import { openJobs } from './open-jobs.ts'

process.once('message', async (url: string) => {
  const registry = new MetricsRegistry()
  const own = new pg.Pool({ connectionString: url, max: 6 })
  own.on('error', () => {})
  const pool = governPool(own, { registry })
  const jobs = await openJobs({ pool, jobs: [inTransaction, onItsOwn], lease: '1s', registry })
  await jobs.worker().start()
  process.send?.('started')
})
