import pg from 'pg'
import { Type } from 'typebox'
import { testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import { defineEvent, type EventType } from '../events/index.ts'
import { type Leases, openLeases } from '../lease/index.ts'
import { openOutbox, type Outbox } from '../outbox/index.ts'
import { defineProjection, type Projection, type ProjectionOptions } from './define-projection.ts'
import { openProjections, type Projections } from './projections.ts'

export const sold: EventType<{ readonly product: string; readonly count: number }> = defineEvent(
  'product.sold',
  1,
  Type.Object({ product: Type.String(), count: Type.Number() }),
  { key: ({ product }) => product }
)

export const other: EventType<{ readonly id: string }> = defineEvent(
  'thing.happened',
  1,
  Type.Object({ id: Type.String() }),
  { key: ({ id }) => id }
)

/** How many of each product were sold. */
export function bestSellers (options: Partial<ProjectionOptions> = {}): Projection {
  return defineProjection('best-sellers', {
    version: 1,
    tables: {
      best_seller: (table) => [`CREATE TABLE ${table} (product text PRIMARY KEY, sold bigint NOT NULL)`],
    },
    on: [sold],
    async apply (events, { tx, table }) {
      const payloads = events.of(sold)
      await tx.query(
        `INSERT INTO ${table('best_seller')} AS mine
          SELECT product, sum(count) FROM unnest($1::text[], $2::int[]) AS event (product, count) GROUP BY product
          ON CONFLICT (product) DO UPDATE SET sold = mine.sold + excluded.sold`,
        [payloads.map(({ product }) => product), payloads.map(({ count }) => count)]
      )
    },
    ...options,
  })
}

export interface ProjectionTest extends AsyncDisposable {
  readonly url: string
  readonly pool: pg.Pool
  readonly outbox: Outbox
  readonly leases: Leases
  readonly registry: MetricsRegistry
  open(...projections: readonly Projection[]): Promise<Projections>
  /** Opens and starts. */
  run(...projections: readonly Projection[]): Promise<Projections>
  sell(product: string, count: number): Promise<string>
  /** Rows of the read model as `product:sold`. */
  rows(table?: string): Promise<readonly string[]>
}

export async function projectionTest (): Promise<ProjectionTest> {
  const database = await testDatabase()
  const pool = new pg.Pool({ connectionString: database.url, max: 12 })
  pool.on('error', () => {})
  const outbox = await openOutbox({ pool })
  const leases = await openLeases({ pool, leaseMs: 2_000 })
  const registry = new MetricsRegistry()
  const opened: Projections[] = []
  const open: ProjectionTest['open'] = async (...projections) => {
    const own = await openProjections({ pool, projections, log: outbox, leases, registry })
    opened.push(own)
    return own
  }
  return {
    url: database.url,
    pool,
    outbox,
    leases,
    registry,
    open,
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
      await database.close()
    },
  }
}
