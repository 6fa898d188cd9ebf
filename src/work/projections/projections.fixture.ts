import { after, before } from 'node:test'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import { type Leases, openLeases } from '../lease/index.ts'
import { openOutbox, type Outbox, type OutboxLog } from '../outbox/index.ts'
import type { Projection } from './define-projection.ts'
import { openProjections, type Projections } from './projections.ts'
import { sold } from './sales.fixture.ts'

export interface ProjectionTest extends AsyncDisposable {
  readonly pool: pg.Pool
  readonly outbox: Outbox
  readonly leases: Leases
  readonly registry: MetricsRegistry
  open(...projections: readonly Projection[]): Promise<Projections>
  openOn(log: OutboxLog, ...projections: readonly Projection[]): Promise<Projections>
  /** Opens and starts. */
  run(...projections: readonly Projection[]): Promise<Projections>
  sell(product: string, count: number): Promise<string>
  /** Rows of the read model as `product:sold`. */
  rows(table?: string): Promise<readonly string[]>
}

let database: TestDatabase
let tests = 0

before(async () => {
  database = await testDatabase({ server: 'log' })
})
after(async () => {
  await database.close()
})

/**
 * In a schema of its own, of one database for the whole file.
 *
 * @param options.before hears of each statement of a transaction that is text only, before it is sent
 */
export async function projectionTest (
  { before: hook }: { readonly before?: (statement: string) => Promise<void> } = {}
): Promise<ProjectionTest> {
  const schema = `test_${++tests}`
  const pool = new pg.Pool({
    connectionString: database.url,
    max: 12,
    options: `-c search_path=${schema}`,
  })
  pool.on('error', () => {})
  pool.on('connect', (client) => {
    const query = client.query.bind(client) as (...args: readonly unknown[]) => Promise<unknown>
    Object.assign(client, {
      query: (...args: readonly unknown[]) =>
        hook === undefined || args.length > 1 || typeof args[0] !== 'string' ?
          query(...args) :
          hook(args[0]).then(() => query(...args)),
    })
  })
  await pool.query(`CREATE SCHEMA ${schema}`)
  const outbox = await openOutbox({ pool })
  const leases = await openLeases({ pool, leaseMs: 2_000 })
  const registry = new MetricsRegistry()
  const opened: Projections[] = []
  const openOn: ProjectionTest['openOn'] = async (log, ...projections) => {
    const own = await openProjections({ pool, projections, log, leases, registry })
    opened.push(own)
    return own
  }
  const open: ProjectionTest['open'] = (...projections) => openOn(outbox, ...projections)
  return {
    pool,
    outbox,
    leases,
    registry,
    open,
    openOn,
    async run (...projections) {
      const own = await open(...projections)
      await own.worker().start()
      return own
    },
    async sell (product, count) {
      const { position } = await sold.emit(pool, { product, count })
      return `${position.epoch}.${position.xid}.${position.position}`
    },
    async rows (table = 'best_seller') {
      const { rows } = await pool.query<{ row: string }>(
        `SELECT product || ':' || sold AS row FROM ${table} ORDER BY product`
      )
      return rows.map(({ row }) => row)
    },
    async [Symbol.asyncDispose] () {
      for (const own of opened) await own.close()
      await leases.close()
      await outbox.close()
      await pool.end()
    },
  }
}
