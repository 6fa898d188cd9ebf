// Works on the sagas of the shop until it is killed. Its database is that of DATABASE_URL.
import pg from 'pg'
import { checkout, warehouse } from '../../examples/shop/checkout.ts'
import { refreshWindow } from '../../examples/shop/shop-window.ts'
import { governPool } from '../../src/data/index.ts'
import { MetricsRegistry } from '../../src/telemetry/index.ts'
import { defineConsumer, logSource, openConsumers } from '../../src/work/consumers/index.ts'
import { type JobApp, openJobs } from '../../src/work/jobs/index.ts'
import { openLeases } from '../../src/work/lease/index.ts'
import { openOutbox } from '../../src/work/outbox/index.ts'
import { openSagas } from '../../src/work/saga/index.ts'

const registry = new MetricsRegistry()
const own = new pg.Pool({ connectionString: process.env['DATABASE_URL'], max: 8 })
own.on('error', () => {})
const pool = governPool(own, { registry })
const sagas = await openSagas({ pool, sagas: [checkout], registry })
// There is no cache here to purge.
const app = { cache: { purge: async () => {} } } as unknown as JobApp
const jobs = await openJobs({ pool, jobs: [...sagas.jobs, refreshWindow], registry, app, lease: '1s' })
const leases = await openLeases({ pool, leaseMs: 1_000 })
const outbox = await openOutbox({ pool, registry })
const consumers = await openConsumers({
  pool,
  consumers: [warehouse, defineConsumer('sagas', { on: sagas.handlers })],
  sources: { log: logSource({ log: outbox, pool, leases, lookEveryMs: 300 }) },
  registry,
})
await Promise.all([jobs.worker().start(), sagas.keeper().start(), outbox.start(), consumers.worker().start()])
process.stdout.write('working\n')
