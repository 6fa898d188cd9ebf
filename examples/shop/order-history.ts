import type { ServiceApp } from 'plimsoll'
import { defineExport } from 'plimsoll/exports'
import { Type } from 'typebox'

const Since = Type.Object({
  since: Type.Optional(Type.String({ format: 'date', description: 'The first day; all without' })),
}, { additionalProperties: false })

/** Every order with what was ordered, as a file. */
export const orderHistory = defineExport('order-history', {
  input: Since,
  key: 'id',
  query: ({ since = '1970-01-01' }) => ({
    text: `select "order".id, status, total_cents as "totalCents", currency, created_at as "createdAt",
        (select json_agg(json_build_object('productId', product_id, 'quantity', quantity) order by product_id)
          from order_item where order_id = "order".id) as items
      from "order" where created_at >= $1::date`,
    values: [since],
  }),
})

export function orderHistoryRoutes (app: ServiceApp): void {
  app.post('/order-history', {
    schema: { summary: 'Asks for all orders as a file', body: Since },
    config: { limit: { perMinute: 10, by: 'client' } },
  }, async (request, reply) => {
    const { tenant } = request.context
    const { status, retryAfterSeconds = 1 } = await app.exports.request(orderHistory, request.body, {
      tenant,
    })
    return reply.code(202).header('location', `${app.exports.path}/${status.id}`)
      .header('retry-after', retryAfterSeconds).send(status)
  })
}
