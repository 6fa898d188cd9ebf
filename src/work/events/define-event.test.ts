import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { Type } from 'typebox'
import type { Transaction } from '../../data/index.ts'
import { openContext, runWithContext, SettingError } from '../../kernel/index.ts'
import { defineEvent } from './define-event.ts'
import { carriedOf } from './event-headers.ts'
import { someMessage } from './event-message.fixture.ts'
import type { EventMessage } from './event-message.ts'
import { type EventOutlet, type NewEvent, outlets } from './event-outlet.ts'
import type { Upcaster } from './payload-form.ts'

const Order = Type.Object({ orderId: Type.String(), total: Type.Number() })
const orderPlaced = defineEvent('order.placed', 3, Order, {
  key: ({ orderId }) => orderId,
  upcasters: {
    1: (old: { id: string }) => ({ orderId: old.id }),
    2: (old: { orderId: string }) => ({ ...old, total: 0 }),
  },
})

/** Keeps what is emitted while `work` runs. */
async function emitted (work: (tx: Transaction) => Promise<unknown>): Promise<readonly NewEvent[]> {
  const pool = new pg.Pool()
  const events: NewEvent[] = []
  const outlet: EventOutlet = {
    async append (_tx, added) {
      events.push(...added)
      return added.map((event) => ({
        ...event,
        position: { epoch: 1, xid: 1n, position: 1n },
        occurredAtMs: 0,
      }))
    },
  }
  outlets.bind(pool, outlet)
  try {
    await work(pool)
  } finally {
    outlets.unbind(pool, outlet)
  }
  return events
}

const stored = (version: number, payload: unknown): EventMessage =>
  someMessage({ type: 'order.placed', version, payload: JSON.stringify(payload) })

test('an event is written with its type, newest version, aggregate and key, under an id of its own', async () => {
  const events = await emitted(async (tx) => {
    await orderPlaced.emit(tx, { orderId: '7', total: 2 })
    await orderPlaced.emit(tx, { orderId: '8', total: 3 }, {
      key: 'other',
      id: 'a2b1c3d4-0000-7000-8000-000000000001',
    })
  })
  assert.partialDeepStrictEqual(events, [
    {
      type: 'order.placed',
      version: 3,
      aggregateType: 'order',
      key: '7',
      payload: '{"orderId":"7","total":2}',
      headers: {},
    },
    {
      type: 'order.placed',
      version: 3,
      aggregateType: 'order',
      key: 'other',
      payload: '{"orderId":"8","total":3}',
      headers: {},
    },
  ])
  assert.equal(events.length, 2)
  assert.match(events[0]!.id, /^[\da-f]{8}-[\da-f]{4}-7/)
  assert.equal(events[1]!.id, 'a2b1c3d4-0000-7000-8000-000000000001')
})

test('many are written at once, in their order', async () => {
  const events = await emitted(async (tx) => {
    await orderPlaced.emitMany(tx, [{ orderId: '1', total: 1 }, { orderId: '2', total: 1 }])
    assert.deepEqual(await orderPlaced.emitMany(tx, []), [])
  })
  assert.deepEqual(events.map(({ key }) => key), ['1', '2'])
})

test('an event takes along the trace, the tenant and the id of the work that emits it, and the headers it is given', async () => {
  const context = openContext({ id: 'request-1', tenant: 'acme' })
  const [event] = await runWithContext(
    context,
    () => emitted((tx) => orderPlaced.emit(tx, { orderId: '1', total: 1 }, { headers: { region: 'eu' } }))
  )
  context.settle()
  assert.equal(event!.headers['region'], 'eu')
  const { traceparent, ...rest } = carriedOf(event!)
  assert.deepEqual(rest, { tenant: 'acme', cause: 'request-1' })
  assert.ok(traceparent?.includes(context.trace.traceId))
})

test('a payload that does not fit, is too large or has no key is refused before anything is written', async () => {
  const events = await emitted(async (tx) => {
    // @ts-expect-error -- no total
    await assert.rejects(orderPlaced.emit(tx, { orderId: '1' }), {
      code: 'EVENT_PAYLOAD_INVALID',
      type: 'order.placed',
    })
    const large = { orderId: 'ů'.repeat(131_072), total: 1 }
    await assert.rejects(orderPlaced.emit(tx, large), { code: 'EVENT_TOO_LARGE', limit: 262_144 })
    for (const key of ['', 'a\u0000', 'x'.repeat(1_001)])
      await assert.rejects(orderPlaced.emit(tx, { orderId: '1', total: 1 }, { key }), SettingError)
    await assert.rejects(orderPlaced.emit(tx, { orderId: '1', total: 1 }, { id: 'seven' }), SettingError)
    const refused: Record<string, string>[] = [{ 'Big': 'x' }, { 'plimsoll-tenant': 'x' }, { note: 'a\nb' }]
    for (const headers of refused)
      await assert.rejects(orderPlaced.emit(tx, { orderId: '1', total: 1 }, { headers }), SettingError)
    const keyless = defineEvent('note.taken', 1, Type.Object({}))
    await assert.rejects(keyless.emit(tx, {}), SettingError)
    await keyless.emit(tx, {}, { key: 'one' })
  })
  assert.deepEqual(events.map(({ type }) => type), ['note.taken'])
})

test('a payload of exactly the limit is taken', async () => {
  const note = defineEvent('note', 1, Type.String(), { key: () => 'one', maxBytes: 10 })
  await emitted(async (tx) => {
    await note.emit(tx, '12345678')
    await assert.rejects(note.emit(tx, '123456789'), { code: 'EVENT_TOO_LARGE', bytes: 11 })
  })
})

test("where no outbox is open, or several and none of the transaction's pool, emitting says so", async () => {
  const payload = { orderId: '1', total: 1 }
  const stranger: Transaction = new pg.Pool()
  await assert.rejects(orderPlaced.emit(stranger, payload), { code: 'EVENTS_NOT_OPEN' })
  const events = await emitted(async (tx) => {
    await orderPlaced.emit(stranger, payload)
    const others = await emitted(async (other) => {
      await assert.rejects(orderPlaced.emit(stranger, payload), { code: 'EVENTS_NOT_OPEN' })
      await orderPlaced.emit(other, payload, { key: 'other' })
      await orderPlaced.emit(tx, payload, { key: 'own' })
    })
    assert.deepEqual(others.map(({ key }) => key), ['other'])
  })
  assert.deepEqual(events.map(({ key }) => key), ['1', 'own'])
})

test('a stored payload is read as the newest version, through each upcaster on its way', () => {
  assert.deepEqual(orderPlaced.read(stored(1, { id: '7' })), { orderId: '7', total: 0 })
  assert.deepEqual(orderPlaced.read(stored(2, { orderId: '7' })), { orderId: '7', total: 0 })
  assert.deepEqual(orderPlaced.read(stored(3, { orderId: '7', total: 4 })), { orderId: '7', total: 4 })
})

test('a version that is not known is an error of its own; a newer one may be read by a newer release', () => {
  const error = { code: 'EVENT_VERSION_UNKNOWN', type: 'order.placed', oldest: 1, newest: 3 }
  assert.throws(() => orderPlaced.read(stored(4, {})), { ...error, version: 4, retryable: true })
  assert.throws(() => orderPlaced.read(stored(0, {})), { ...error, version: 0, retryable: false })
  assert.throws(() => orderPlaced.read(stored(1.5, {})), { ...error, version: 1.5 })
})

test('a payload that cannot be read says why, and that another try is in vain', () => {
  const unreadable = { code: 'EVENT_UNREADABLE', retryable: false, type: 'order.placed' }
  assert.throws(() => orderPlaced.read({ ...stored(3, {}), payload: '{"a":' }), {
    ...unreadable,
    reason: 'json',
  })
  assert.throws(() => orderPlaced.read(stored(1, null)), { ...unreadable, reason: 'upcaster', version: 1 })
  assert.throws(() => orderPlaced.read(stored(3, { orderId: 7 })), { ...unreadable, reason: 'schema' })
})

test('upcasters must lead to the newest version without a gap', () => {
  const broken: Record<number, Upcaster>[] = [{ 1: () => ({}) }, { 3: () => ({}) }, {
    0: () => ({}),
    1: () => ({}),
    2: () => ({}),
  }]
  for (const upcasters of broken)
    assert.throws(() => defineEvent('order.placed', 3, Order, { upcasters }), SettingError)
  assert.equal(defineEvent('order.placed', 3, Order, { upcasters: { 2: () => ({}) } }).oldest, 2)
})

test('names and versions that break their rule stop the definition', () => {
  for (const [type, version] of [['', 1], ['1a', 1], ['a b', 1], ['a', 0], ['a', 1.5]] as const)
    assert.throws(() => defineEvent(type, version, Order), SettingError)
  assert.throws(() => defineEvent('a', 1, Order, { aggregateType: 'a.b' }), SettingError)
  assert.throws(() => defineEvent('a', 1, Order, { maxBytes: 'x' as '1B' }), SettingError)
})

test('a handler gets what was read, and its surroundings', async () => {
  const seen: unknown[] = []
  const handler = orderPlaced.handle(async ({ orderId, total }, { by }: { by: string }) => {
    seen.push(orderId, total, by)
  })
  await handler.handle(stored(1, { id: '7' }), { by: 'test' })
  assert.deepEqual(seen, ['7', 0, 'test'])
  assert.equal(handler.event.type, 'order.placed')
  await assert.rejects(handler.handle(stored(9, {}), { by: 'test' }), { code: 'EVENT_VERSION_UNKNOWN' })
})
