import { defineConsumer } from 'plimsoll/consumers'
import type { Transaction } from 'plimsoll/data'
import { defineEvent } from 'plimsoll/events'
import { defineSaga, onEvent, StepRefused } from 'plimsoll/sagas'
import { Type } from 'typebox'
import { refreshWindow } from './shop-window.ts'

const byOrder = { key: ({ orderId }: { orderId: string }): string => orderId }

export const shipmentRequested = defineEvent(
  'shipment.requested',
  1,
  Type.Object({ orderId: Type.String() }),
  byOrder
)
export const shipmentBooked = defineEvent(
  'shipment.booked',
  1,
  Type.Object({ orderId: Type.String() }),
  byOrder
)
export const shipmentRefused = defineEvent(
  'shipment.refused',
  1,
  Type.Object({ orderId: Type.String(), why: Type.String() }),
  byOrder
)

/** The heaviest that the warehouse sends, in pieces. */
const mostPieces = 500

/** Charges an order and sends it; or gives back whatever of that was done. */
export const checkout = defineSaga('checkout', {
  version: 1,
  data: Type.Object({
    orderId: Type.String({ format: 'uuid' }),
    cents: Type.Integer({ minimum: 0 }),
    payment: Type.Optional(Type.String()),
  }),
  deadline: '1h',
  ...byOrder,
  steps: [
    {
      // Undone last of all: however far it came, an order that is not sent ends as cancelled.
      name: 'accept',
      local: ({ orderId }, { tx }) => setStatus(tx, orderId, 'accepted'),
      compensate: { local: ({ orderId }, { tx }) => setStatus(tx, orderId, 'cancelled') },
    },
    {
      name: 'reserve',
      local: ({ orderId }, { tx }) => takeStock(tx, orderId),
      compensate: { local: ({ orderId }, { tx }) => returnStock(tx, orderId) },
    },
    {
      name: 'charge',
      deadline: '5s',
      retry: { attempts: 5, base: '200ms', cap: '5s' },
      http: {
        request: ({ orderId, cents }) => ({ url: `${bank()}/charges`, body: { orderId, cents } }),
        take: ({ body }) => ({ payment: (body as { id: string }).id }),
      },
      compensate: {
        deadline: '5s',
        retry: { attempts: 20, base: '200ms', cap: '1m' },
        runbook:
          'The bank does not take the refund. Look for the charge in its ledger, and refund it there by hand.',
        // Its key, not its id: also for a charge of which nobody knows whether it has happened.
        http: {
          request: (_, { saga }) => ({ url: `${bank()}/refunds`, body: { charge: `${saga}:charge` } }),
        },
      },
    },
    {
      name: 'ship',
      pivot: true,
      runbook: 'Ask the warehouse what became of the order.',
      local: async ({ orderId }, { tx }) => {
        await setStatus(tx, orderId, 'paid')
        await shipmentRequested.emit(tx, { orderId })
      },
      wait: {
        timeout: '20m',
        on: [
          onEvent(shipmentBooked, byOrder),
          onEvent(shipmentRefused, { ...byOrder, refuse: ({ why }) => why }),
        ],
      },
    },
    {
      name: 'notify',
      local: async ({ orderId }, { tx }) => {
        await setStatus(tx, orderId, 'shipped')
        await tx.query('insert into notice (order_id, text) values ($1, $2)', [orderId, 'It is on its way.'])
      },
    },
  ],
})

/** Books shipments; to the shop it is as far away as the bank, only that it speaks by events. */
export const warehouse = defineConsumer('warehouse', {
  on: [
    shipmentRequested.handle<{ tx: Transaction }>(async ({ orderId }, { tx }) => {
      const { rows: [order] } = await tx.query<{ pieces: number }>(
        'select sum(quantity)::int as pieces from order_item where order_id = $1',
        [orderId]
      )
      if ((order?.pieces ?? 0) > mostPieces) {
        await shipmentRefused.emit(tx, { orderId, why: `more than ${mostPieces} pieces` })
        return
      }
      await tx.query('insert into shipment (order_id) values ($1)', [orderId])
      await shipmentBooked.emit(tx, { orderId })
    }),
  ],
})

/** Read when it is needed: a deployment says it in its environment. */
function bank (): string {
  return process.env['PAYMENTS_URL'] ?? 'http://127.0.0.1:3100'
}

/** All of it or nothing: stock never falls below 0. */
async function takeStock (tx: Transaction, orderId: string): Promise<void> {
  // In order of id, so that two orders of the same products wait for each other instead of deadlocking.
  const { rows } = await tx.query<{ name: string; isShort: boolean }>(
    `select name, stock < quantity as "isShort" from product join order_item on product_id = product.id
      where order_id = $1 order by product.id for update of product`,
    [orderId]
  )
  const missing = rows.find(({ isShort }) => isShort)
  if (missing !== undefined)
    throw new StepRefused(`there is not enough of ${missing.name}`, { code: 'OUT_OF_STOCK' })
  await changeStock(tx, orderId, -1)
}

async function returnStock (tx: Transaction, orderId: string): Promise<void> {
  await changeStock(tx, orderId, 1)
}

async function changeStock (tx: Transaction, orderId: string, sign: 1 | -1): Promise<void> {
  const { rows } = await tx.query<{ id: number }>(
    `update product set stock = stock + $2::int * quantity, updated_at = now() from order_item
      where order_id = $1 and product_id = product.id returning product.id`,
    [orderId, sign]
  )
  await refreshWindow.enqueue(tx, { productIds: rows.map(({ id }) => id) })
}

async function setStatus (tx: Transaction, orderId: string, status: string): Promise<void> {
  await tx.query('update "order" set status = $2 where id = $1', [orderId, status])
}
