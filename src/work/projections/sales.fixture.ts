import { Type } from 'typebox'
import { defineEvent, type EventType } from '../events/index.ts'
import { defineProjection, type Projection, type ProjectionOptions } from './define-projection.ts'

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
