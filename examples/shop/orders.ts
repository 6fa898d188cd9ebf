import { Problem, type ServiceApp } from 'plimsoll'
import type { Transaction } from 'plimsoll/data'
import { Type } from 'typebox'
import { orderPlaced } from './best-sellers.ts'
import { checkout } from './checkout.ts'

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
  status: Type.String({ description: 'placed, accepted, paid, shipped or cancelled' }),
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
  text: `select "order".id, status, total_cents::float8 as "totalCents", currency, created_at as "createdAt",
      json_agg(json_build_object('productId', product_id, 'quantity', quantity, 'unitPriceCents', unit_price_cents)
        order by product_id) as items
    from "order" join order_item on order_id = "order".id
    where "order".id = $1 group by "order".id`,
}

export function orderRoutes (app: ServiceApp): void {
  app.post('/orders', {
    schema: { summary: 'Places an order', body: NewOrder, response: { 202: Order } },
    config: { criticality: 'critical', idempotency: 'accepted', limit: { perSecond: 100, by: 'client' } },
  }, async (request, reply) => {
    return request.transaction(async (tx) => {
      const order = await placeOrder(tx, mergeItems(request.body.items))
      await orderPlaced.emit(tx, { orderId: order.id, items: order.items })
      await checkout.start(tx, { orderId: order.id, cents: order.totalCents })
      void reply.code(202).header('location', `/orders/${order.id}`).header('retry-after', 1)
      return order
    })
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

/** Writes the order, at today's prices. The stock is taken by its checkout; what cannot be had by now is said at once. */
async function placeOrder (tx: Transaction, items: readonly OrderItem[]): Promise<Order> {
  const ids = items.map(({ productId }) => productId)
  const quantities = items.map(({ quantity }) => quantity)

  const { rows: products } = await tx.query<{ id: number; stock: number; currency: string }>(
    'select id, stock, currency from product where id = any($1::int[])',
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
       select id, quantity, price_cents from product
       join unnest($1::int[], $2::int[]) as item (product_id, quantity) on product.id = item.product_id
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
