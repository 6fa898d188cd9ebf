import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { Type } from 'typebox'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { defineEvent, type EventMessage, type EventType } from '../events/index.ts'
import { defineSaga } from './define-saga.ts'
import { type Harbour, openHarbour } from './sagas.fixture.ts'
import { onEvent, onSignal } from './wait-for.ts'
import { flowEvent, watchFlow } from './watch-flow.ts'

const Order = Type.Object({ orderId: Type.String() })
const keyOf = ({ orderId }: { orderId: string }): string => orderId
const placed = defineEvent('order.placed', 1, Order, { key: keyOf })
const shipped = defineEvent('order.shipped', 1, Order, { key: keyOf })
const refused = defineEvent('order.refused', 1, Type.Object({ orderId: Type.String(), why: Type.String() }), {
  key: keyOf,
})

const approval = defineSaga('approval', {
  version: 1,
  data: Type.Object({
    id: Type.String(),
    by: Type.Optional(Type.String()),
    path: Type.Optional(Type.String()),
  }),
  deadline: '1m',
  key: ({ id }) => id,
  steps: [
    {
      name: 'approve',
      wait: {
        timeout: '300ms',
        on: [
          onSignal('approved', Type.Object({ by: Type.String() }), { take: ({ by }) => ({ by }) }),
          onSignal('declined', Type.Object({ why: Type.String() }), { refuse: ({ why }) => why }),
        ],
      },
      onFailure: 'escalate',
      next: () => 'book',
    },
    { name: 'escalate', local: () => ({ path: 'escalated' }), compensate: 'nothing', next: () => 'end' },
    { name: 'book', local: () => ({ path: 'booked' }), compensate: 'nothing' },
  ],
})

const shipping = defineSaga('shipping', {
  version: 1,
  data: Type.Object({ orderId: Type.String(), carrier: Type.Optional(Type.String()) }),
  deadline: '1m',
  key: keyOf,
  steps: [
    {
      name: 'ship',
      local: async ({ orderId }, { tx }) => void await tx.query('INSERT INTO asked VALUES ($1)', [orderId]),
      compensate: {
        local: async ({ orderId }, { tx }) =>
          void await tx.query('DELETE FROM asked WHERE id = $1', [orderId]),
      },
      wait: {
        timeout: '400ms',
        on: [
          onEvent(shipped, { key: keyOf, take: () => ({ carrier: 'ship' }) }),
          onEvent(refused, { key: keyOf, refuse: ({ why }) => why }),
        ],
      },
    },
  ],
})

const flow = watchFlow('order-flow', {
  version: 1,
  start: flowEvent(placed, keyOf),
  expect: [{ ...flowEvent(shipped, keyOf), within: '200ms', runbook: 'Ask the warehouse.' }],
  ends: [flowEvent(refused, keyOf)],
})

let events = 0

/** As a consumer would, in a transaction of its own. */
async function tell<Payload> (
  harbour: Harbour,
  event: EventType<Payload>,
  payload: Payload,
  id = randomUUID() as string
): Promise<void> {
  const message: EventMessage = {
    id,
    type: event.type,
    version: event.version,
    aggregateType: event.aggregateType,
    key: `k${events++}`,
    payload: JSON.stringify(payload),
    headers: {},
    occurredAtMs: 0,
  }
  const handler = harbour.sagas.handlers.find((candidate) => candidate.event.type === event.type)
  await harbour.inTransaction((tx) => handler!.handle(message, { tx, message }))
}

async function statusOf (harbour: Harbour, saga: string, key: string): Promise<string> {
  return (await harbour.sagas.get({ saga, key })).state.status
}

test('a signal ends the wait; one that comes early is kept; the same one twice is one', async () => {
  await using harbour = await openHarbour({ sagas: [approval] })
  const { id } = await harbour.inTransaction(async (tx) => {
    const ticket = await approval.start(tx, { id: 'a' })
    await approval.signal(tx, 'a', { name: 'approved', payload: { by: 'mate' }, id: 's1', by: 'mate' })
    await approval.signal(tx, 'a', { name: 'declined', payload: { why: 'too late' }, id: 's1' })
    return ticket
  })
  const saga = await harbour.ended(id)
  assert.deepEqual([saga.state.status, saga.data], ['completed', { id: 'a', by: 'mate', path: 'booked' }])
  await assert.rejects(
    harbour.inTransaction((tx) => approval.signal(tx, 'a', { name: 'approved', payload: { by: 'x' } })),
    {
      code: 'SAGA_CONFLICT',
    }
  )
})

test('a signal that no step waits for, that does not fit, or that is for nobody is refused', async () => {
  await using harbour = await openHarbour({ sagas: [approval], works: false })
  await harbour.inTransaction((tx) => approval.start(tx, { id: 'a' }))
  const send = (key: string, name: string, payload: unknown): Promise<void> =>
    harbour.inTransaction((tx) => approval.signal(tx, key, { name, payload }))
  await assert.rejects(send('a', 'approve', {}), { code: 'SAGA_SIGNAL_INVALID' })
  await assert.rejects(send('a', 'approved', { by: 7 }), { code: 'SAGA_SIGNAL_INVALID' })
  await assert.rejects(send('b', 'approved', { by: 'x' }), { code: 'SAGA_NOT_FOUND' })
  await assert.rejects(
    harbour.inTransaction((tx) => harbour.sagas.signal(tx, 'no-uuid', { name: 'approved' })),
    {
      code: 'SAGA_NOT_FOUND',
    }
  )
})

test('a wait that is refused, or lasts too long, takes its other way', async () => {
  await using harbour = await openHarbour({ sagas: [approval] })
  const [declined, forgotten] = await harbour.inTransaction(async (tx) => [
    await approval.start(tx, { id: 'declined' }),
    await approval.start(tx, { id: 'forgotten' }),
  ])
  await harbour.inTransaction((tx) =>
    approval.signal(tx, 'declined', { name: 'declined', payload: { why: 'no' } })
  )
  for (const { id } of [declined!, forgotten!]) {
    const saga = await harbour.ended(id)
    assert.deepEqual([saga.state.status, saga.data['path']], ['completed', 'escalated'])
  }
})

test('an event finds its saga by the key; those of others, and of none, pass by', async () => {
  await using harbour = await openHarbour({ sagas: [shipping, approval] })
  await harbour.pool.query('CREATE TABLE asked (id text)')
  const { id } = await harbour.inTransaction((tx) => shipping.start(tx, { orderId: 'o1' }))
  await tell(harbour, shipped, { orderId: 'o2' })
  await tell(harbour, shipped, { orderId: 'o1' }, 'e1')
  await tell(harbour, shipped, { orderId: 'o1' }, 'e1')
  const saga = await harbour.ended(id)
  assert.deepEqual([saga.state.status, saga.data['carrier']], ['completed', 'ship'])
})

test('an answer that refuses, or never comes, undoes what was asked for', async () => {
  await using harbour = await openHarbour({ sagas: [shipping] })
  await harbour.pool.query('CREATE TABLE asked (id text)')
  const [no, never] = await harbour.inTransaction(async (tx) => [
    await shipping.start(tx, { orderId: 'no' }),
    await shipping.start(tx, { orderId: 'never' }),
  ])
  await tell(harbour, refused, { orderId: 'no', why: 'too heavy' })
  const saga = await harbour.ended(no!.id)
  assert.deepEqual([saga.state.status, saga.state.failure?.message], [
    'compensated',
    'order.refused: too heavy',
  ])
  assert.equal((await harbour.ended(never!.id)).state.failure?.code, 'SAGA_STEP_TIMEOUT')
  assert.deepEqual((await harbour.pool.query('SELECT id FROM asked')).rows, [])
})

test('a watched flow starts with its event, and ends with what is expected, or with what calls it off', async () => {
  await using harbour = await openHarbour({ sagas: [flow] })
  for (const orderId of ['good', 'off']) await tell(harbour, placed, { orderId })
  await tell(harbour, placed, { orderId: 'good' })
  await tell(harbour, shipped, { orderId: 'good' })
  await tell(harbour, refused, { orderId: 'off', why: 'x' })
  assert.equal(await statusOf(harbour, 'order-flow', 'good'), 'completed')
  const off = await harbour.sagas.get({ saga: 'order-flow', key: 'off' })
  assert.deepEqual([off.state.status, off.data], ['completed', { key: 'off', ended: 'order.refused' }])
})

test('a watched flow that gets stuck is parked and told, and goes on when the event comes after all', async () => {
  await using harbour = await openHarbour({ sagas: [flow] })
  await tell(harbour, placed, { orderId: 'late' })
  await waitUntil(
    'the flow is parked',
    async () => await statusOf(harbour, 'order-flow', 'late') === 'parked'
  )
  const parked = await harbour.sagas.get({ saga: 'order-flow', key: 'late' })
  assert.match(parked.runbook ?? '', /^Ask the warehouse\./)
  const families = harbour.registry.snapshot().families
  assert.ok(
    families.find(({ name }) => name === 'plimsoll_sagas_parked_total')?.values.some((count) => count === 1)
  )
  await tell(harbour, shipped, { orderId: 'late' })
  assert.equal(await statusOf(harbour, 'order-flow', 'late'), 'completed')
})
