import { Problem, type ServiceApp } from 'plimsoll'
import type { Transaction } from 'plimsoll/data'
import { Type } from 'typebox'
import { tagOf } from './products.ts'

const OrderItem = Type.Object({
  productId: Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1 }),
  quantity: Type.Integer({ minimum: 1, maximum: 1_000 }),
}, { additionalProperties: false })
type OrderItem = Type.Static<typeof OrderItem>

const NewOrder = Type.Object({
  items: Type.Array(OrderItem, { minItems: 1, maxItems: 50 }),
}, { additionalProperties: false })

const Order = Type.Object({
  id: Type.String({ format: 'uuid' }),
  status: Type.String(),
  totalCents: Type.Integer(),
  currency: Type.String({ description: 'ISO 4217' }),
  items: Type.Array(Type.Object({
    productId: Type.Integer(),
    quantity: Type.Integer(),
    unitPriceCents: Type.Integer(),
  })),
  createdAt: Type.Unsafe<Date>({ type: 'string', format: 'date-time' }),
})
type Order = Type.Static<typeof Order>

const OrderId = Type.Object({ id: Type.String({ format: 'uuid' }) })

const orderById = {
  name: 'order-by-id',
  text: `select "order".id, status, total_cents as "totalCents", currency, created_at as "createdAt",
      json_agg(json_build_object('productId', product_id, 'quantity', quantity, 'unitPriceCents', unit_price_cents)
        order by product_id) as items
    from "order" join order_item on order_id = "order".id
    where "order".id = $1 group by "order".id`,
}

export function orderRoutes (app: ServiceApp): void {
  app.post('/orders', {
    schema: { summary: 'Places an order', body: NewOrder, response: { 201: Order } },
    config: { criticality: 'critical', idempotency: 'accepted', limit: { perSecond: 100, by: 'client' } },
  }, async (request, reply) => {
    const order = await request.transaction(async (tx) => {
      const placed = await placeOrder(tx, mergeItems(request.body.items))
      void reply.code(201).header('location', `/orders/${placed.id}`)
      return placed
    })
    // Whoever ordered sees the new stock at once, on every worker and machine.
    await app.cache.purge(order.items.map(({ productId }) => tagOf(productId)), { soft: false })
    return order
  })

  app.get('/orders/:id', {
    schema: { summary: 'One order with its items', params: OrderId, response: { 200: Order } },
  }, async ({ params }) => {
    const { rows: [order] } = await app.data.query<Order>({ ...orderById, values: [params.id] })
    if (order === undefined) {
      throw new Problem({ code: 'ORDER_NOT_FOUND', status: 404, title: 'There is no such order' }, {
        detail: `no order has the id ${params.id}`,
      })
    }
    return order
  })
}

/** Takes the stock and writes the order. All of it happens, or nothing does. */
async function placeOrder (tx: Transaction, items: readonly OrderItem[]): Promise<Order> {
  const ids = items.map(({ productId }) => productId)
  const quantities = items.map(({ quantity }) => quantity)

  // In order of id, so that two orders of the same products wait for each other instead of deadlocking.
  const { rows: products } = await tx.query<{ id: number; stock: number; currency: string }>(
    'select id, stock, currency from product where id = any($1::int[]) order by id for update',
    [ids]
  )
  const known = new Map(products.map((product) => [product.id, product]))
  for (const { productId, quantity } of items) {
    const product = known.get(productId)
    if (product === undefined) {
      throw new Problem(
        { code: 'PRODUCT_UNKNOWN', status: 422, title: 'An ordered product does not exist' },
        {
          detail: `no product has the id ${productId}`,
          extensions: { productId },
        }
      )
    }
    if (product.stock < quantity) {
      throw new Problem({ code: 'OUT_OF_STOCK', status: 409, title: 'There is not enough stock' }, {
        detail: `${quantity} of product ${productId} were ordered and ${product.stock} are left`,
        extensions: { productId, left: product.stock },
      })
    }
  }

  const { rows: [order] } = await tx.query<{ id: string }>(
    `with ordered as (
       update product set stock = stock - quantity, updated_at = now()
       from unnest($1::int[], $2::int[]) as item (product_id, quantity)
       where product.id = item.product_id
       returning product.id, quantity, price_cents
     ), placed as (
       insert into "order" (total_cents, currency) select sum(quantity * price_cents), $3 from ordered returning id
     ), filled as (
       insert into order_item (order_id, product_id, quantity, unit_price_cents)
       select placed.id, ordered.id, quantity, price_cents from placed, ordered
     )
     select id from placed`,
    [ids, quantities, products[0]?.currency]
  )
  const { rows: [placed] } = await tx.query<Order>({ ...orderById, values: [order?.id] })
  if (placed === undefined) throw new Error('the order just written cannot be read')
  return placed
}

/** One line a product, so that the same product on two lines cannot pass the stock check twice. */
function mergeItems (items: readonly OrderItem[]): OrderItem[] {
  const quantities = new Map<number, number>()
  for (const { productId, quantity } of items) {
    quantities.set(productId, (quantities.get(productId) ?? 0) + quantity)
  }
  return [...quantities].map(([productId, quantity]) => ({ productId, quantity }))
}
