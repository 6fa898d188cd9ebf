// A process that changes rows and purges their tags, until it is killed:
// node purging-process.fixture.ts DATABASE_URL EDGE_URL WORKER
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { transaction } from '../../../data/index.ts'
import { MetricsRegistry } from '../../../telemetry/index.ts'
import { EdgeKeys } from '../policy/index.ts'
import { EdgePurges } from './edge-purges.ts'
import { fastlyPurger } from './fastly.ts'
import { postgresPurgeQueue } from './postgres-queue.ts'

const [databaseUrl = '', edgeUrl = '', worker = ''] = process.argv.slice(2)
const pool = new pg.Pool({ connectionString: databaseUrl, max: 4 })
const purges = new EdgePurges({
  purgers: [fastlyPurger({ serviceId: 'SERVICE', token: 'token', apiUrl: edgeUrl })],
  queue: postgresPurgeQueue({ pool }),
  keys: new EdgeKeys(),
  registry: new MetricsRegistry(),
  repeat: false,
  lease: '1s',
  poll: '50ms',
  backoff: { baseMs: 20, capMs: 100 },
})
purges.start()
for (let i = 0;; i++) {
  const tag = `${worker}-${i}`
  await transaction(pool, async (tx) => {
    await tx.query('INSERT INTO changes (tag) VALUES ($1)', [tag])
    await purges.enqueue(tx, [tag])
  })
  process.send?.(i)
  await wait(5)
}
