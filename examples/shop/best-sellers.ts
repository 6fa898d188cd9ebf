import type { ServiceApp } from 'plimsoll'
import { defineEvent } from 'plimsoll/events'
import { defineProjection } from 'plimsoll/projections'
import { Type } from 'typebox'

export const orderPlaced = defineEvent(
  'order.placed',
  1,
  Type.Object({
    orderId: Type.String(),
    items: Type.Array(Type.Object({ productId: Type.Integer(), quantity: Type.Integer() })),
  }),
  { key: ({ orderId }) => orderId }
)

/** How much was ordered of each product, whatever became of the orders. Only ever made of events. */
export const bestSellers = defineProjection('best-sellers', {
  version: 1,
  tables: {
    best_seller: (table) => [
      `create table ${table} (product_id int primary key, ordered bigint not null)`,
      `create index on ${table} (ordered desc, product_id)`,
    ],
  },
  on: [orderPlaced],
  async apply (events, { tx, table }) {
    const items = events.of(orderPlaced).flatMap(({ items }) => items)
    await tx.query(
      `insert into ${table('best_seller')} as known (product_id, ordered)
       select product_id, sum(quantity) from unnest($1::int[], $2::int[]) as item (product_id, quantity)
       group by product_id order by product_id
       on conflict (product_id) do update set ordered = known.ordered + excluded.ordered`,
      [items.map(({ productId }) => productId), items.map(({ quantity }) => quantity)]
    )
  },
})

const BestSeller = Type.Object({ productId: Type.Integer(), name: Type.String(), ordered: Type.Integer() })

export function bestSellerRoutes (app: ServiceApp): void {
  app.get('/best-sellers', {
    schema: {
      summary: 'What is ordered most',
      response: { 200: Type.Object({ items: Type.Array(BestSeller) }) },
    },
    config: { cache: { ttl: '5s', staleWhileRevalidate: '1m', scope: 'public' } },
  }, async () => {
    const { rows } = await app.data.query<{ productId: number; name: string; ordered: number }>({
      name: 'best-sellers',
      text: `select product_id as "productId", name, ordered::int from best_seller
        join product on product.id = product_id order by ordered desc, product_id limit 10`,
    })
    return { items: rows }
  })
}
