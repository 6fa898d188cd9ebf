import { Type } from 'typebox'
import type { Transaction } from '../../src/data/index.ts'
import { defineEvent, type EventType } from '../../src/work/events/index.ts'
import { defineProjection, type Projection } from '../../src/work/projections/index.ts'

export interface Sale {
  readonly product: string
  readonly count: number
}

export const sold: EventType<Sale> = defineEvent(
  'product.sold',
  1,
  Type.Object({ product: Type.String(), count: Type.Number() }),
  { key: ({ product }) => product }
)

export const createTable = (table: string): string =>
  `CREATE TABLE ${table} (product text PRIMARY KEY, sold bigint NOT NULL, orders bigint NOT NULL)`

/** One statement for as many sales as there are. */
export async function addSales (tx: Transaction, table: string, sales: readonly Sale[]): Promise<void> {
  await tx.query(
    `INSERT INTO ${table} AS mine
      SELECT product, sum(count), count(*) FROM unnest($1::text[], $2::int[]) AS sale (product, count) GROUP BY product
      ON CONFLICT (product) DO UPDATE
        SET sold = mine.sold + excluded.sold, orders = mine.orders + excluded.orders`,
    [sales.map(({ product }) => product), sales.map(({ count }) => count)]
  )
}

export const bestSellers: Projection = defineProjection('best-sellers', {
  version: 1,
  tables: { best_seller: (table) => [createTable(table)] },
  on: [sold],
  apply: (events, { tx, table }) => addSales(tx, table('best_seller'), events.of(sold)),
})
