import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { type Context, currentContext, manualClock } from '../../kernel/index.ts'
import { type FinishedSpan, Tracer } from '../../telemetry/index.ts'
import { ConsumerStore } from './consumer-store.ts'
import { consumerTest } from './consumers.fixture.ts'
import { type Consumer, type ConsumerOptions, defineConsumer, type Handling } from './define-consumer.ts'
import type { EventSource } from './event-source.ts'
import { InboxSweeper } from './inbox-sweeper.ts'
import { readMessage } from './message-text.ts'
import { orderPlaced, placed } from './orders.fixture.ts'

const write = async ({ orderId, nth }: { orderId: string; nth: number }, { tx }: Handling): Promise<void> => {
  await tx.query('INSERT INTO effect (order_id, nth) VALUES ($1, $2)', [orderId, nth])
}

function billing (options: Partial<ConsumerOptions> = {}): Consumer {
  return defineConsumer('billing', { on: [orderPlaced.handle(write)], ...options })
}

test('an event has its effect once, however often it comes', async () => {
  await using t = await consumerTest()
  const event = placed('a', 1)
  t.source.send(event, { ...event }, placed('a', 2), { ...event })
  await t.run([billing()])
  await waitUntil('all are acknowledged', () => t.source.acknowledged.size === 4)
  assert.deepEqual(await t.effects(), ['a:1', 'a:2'])
  assert.equal(t.count('billing', 'handled'), 2)
  assert.equal(t.count('billing', 'duplicate'), 2)
})

test('events of a key are handled in order, those of different keys at once', async () => {
  await using t = await consumerTest()
  const running = new Set<string>()
  let most = 0
  const four = Promise.withResolvers<void>()
  const consumer = defineConsumer('billing', {
    concurrency: 4,
    on: [orderPlaced.handle<Handling>(async (payload, handling) => {
      assert.equal(running.has(payload.orderId), false, 'one of a key at a time')
      running.add(payload.orderId)
      most = Math.max(most, running.size)
      if (most === 4) four.resolve()
      await four.promise
      await write(payload, handling)
      running.delete(payload.orderId)
    })],
  })
  const orders = ['a', 'b', 'c', 'd', 'e', 'f']
  for (let nth = 0; nth < 10; nth++) t.source.send(...orders.map((order) => placed(order, nth)))
  await t.run([consumer])
  await waitUntil('all are acknowledged', () => t.source.acknowledged.size === 60)
  const effects = await t.effects()
  for (const order of orders) {
    const own = effects.filter((effect) => effect.startsWith(order))
    assert.deepEqual(own, Array.from({ length: 10 }, (_, nth) => `${order}:${nth}`))
  }
  assert.equal(most, 4)
})

test('an event that fails is tried again, and the rest of its key waits behind it, in order', async () => {
  await using t = await consumerTest()
  let failures = 2
  const attempts: number[] = []
  const consumer = billing({
    retry: { base: '20ms' },
    on: [orderPlaced.handle<Handling>(async (payload, handling) => {
      await write(payload, handling)
      if (payload.orderId !== 'bad' || payload.nth !== 1) return
      attempts.push(handling.attempt)
      if (failures-- > 0) throw new Error('not yet')
    })],
  })
  t.source.send(placed('bad', 1), placed('bad', 2), placed('good', 1), placed('bad', 3))
  await t.run([consumer])
  await waitUntil('all are handled', async () => (await t.effects()).length === 4)
  const effects = await t.effects()
  assert.deepEqual(effects.filter((effect) => effect.startsWith('bad')), ['bad:1', 'bad:2', 'bad:3'])
  assert.deepEqual(attempts, [1, 2, 3])
  assert.deepEqual((await t.pool.query('SELECT FROM plimsoll_held_key')).rows, [])
})

test('a dead letter parks the rest of its key; a redrive brings them in order; nothing else waits', async () => {
  await using t = await consumerTest()
  let broken = true
  const consumer = billing({
    retry: { attempts: 2, base: '5ms' },
    on: [orderPlaced.handle<Handling>(async (payload, handling) => {
      if (broken && payload.orderId === 'bad' && payload.nth === 1) throw new TypeError('no such thing')
      await write(payload, handling)
    })],
  })
  t.source.send(placed('bad', 1), placed('good', 1), placed('bad', 2))
  const { held, redrive } = await t.run([consumer])
  await waitUntil('it is dead', async () => (await held('billing'))[0]?.state === 'dead')
  t.source.send(placed('bad', 3), placed('good', 2))
  await waitUntil('all are acknowledged', () => t.source.acknowledged.size === 5)
  assert.deepEqual(await t.effects(), ['good:1', 'good:2'])
  const [key] = await held('billing')
  assert.equal(key?.events, 3)
  assert.equal(key?.attempts, 2)
  assert.equal(key?.oldest.key, 'bad')
  assert.equal(key?.failure.name, 'TypeError')
  broken = false
  assert.equal(await redrive('billing'), 1)
  await waitUntil('all are handled', async () => (await t.effects()).length === 5)
  t.source.send(placed('bad', 4))
  await waitUntil('the key is free', async () => (await t.effects()).length === 6)
  assert.deepEqual((await t.effects()).slice(2), ['bad:1', 'bad:2', 'bad:3', 'bad:4'])
  assert.deepEqual(await held('billing'), [])
})

test('what can never be read is a dead letter at once; a discard gives it up, and what waits behind goes on', async () => {
  await using t = await consumerTest()
  t.source.send(
    placed('json', 1, { payload: '{' }),
    placed('schema', 1, { payload: '{"orderId":7}' }),
    placed('old', 1, { version: 1 }),
    placed('json', 2)
  )
  const { held, discard } = await t.run([billing()])
  await waitUntil('all are acknowledged', () => t.source.acknowledged.size === 4)
  const keys = await held('billing')
  assert.deepEqual(keys.map(({ state, attempts }) => [state, attempts]), [['dead', 1], ['dead', 1], [
    'dead',
    1,
  ]])
  assert.deepEqual(
    keys.map(({ failure }) => failure.code).toSorted(),
    ['EVENT_UNREADABLE', 'EVENT_UNREADABLE', 'EVENT_VERSION_UNKNOWN']
  )
  const [json] = keys
  assert.equal((await discard('billing', json!.key))?.payload, '{')
  assert.equal(await discard('billing', json!.key), undefined, 'the next one is no dead letter')
  await waitUntil('the next one is handled', async () => (await t.effects()).length === 1)
  assert.deepEqual(await t.effects(), ['json:2'])
  assert.equal((await held('billing')).length, 2)
})

test('a version newer than ours waits for the release that knows it', async () => {
  await using t = await consumerTest()
  t.source.send(placed('a', 1, { version: 3 }))
  const { held } = await t.run([billing()])
  await waitUntil('it is held', async () => (await held('billing')).length === 1)
  const [key] = await held('billing')
  assert.equal(key?.state, 'retrying')
  assert.equal(key?.failure.code, 'EVENT_VERSION_UNKNOWN')
})

test('types that nobody handles are acknowledged unseen', async () => {
  await using t = await consumerTest()
  t.source.send(placed('a', 1, { type: 'order.lost', payload: '{' }), placed('a', 2))
  await t.run([billing()])
  await waitUntil('all are acknowledged', () => t.source.acknowledged.size === 2)
  assert.deepEqual(await t.effects(), ['a:2'])
  assert.equal(t.count('billing', 'ignored'), 1)
})

test('it takes no more than its window from the source, and stops taking while too many keys are tried again', async () => {
  await using t = await consumerTest()
  let broken = true
  const consumer = billing({
    concurrency: 2,
    window: 6,
    mostRetrying: 10,
    retry: { base: '20ms', cap: '50ms', attempts: 1_000 },
    on: [orderPlaced.handle<Handling>(async (payload, handling) => {
      if (broken) throw new Error('the other service is down')
      await write(payload, handling)
    })],
  })
  for (let order = 0; order < 100; order++) t.source.send(placed(`order ${order}`, 1))
  await t.run([consumer])
  await waitUntil('it has stopped', async () => t.source.acknowledged.size >= 10)
  await waitUntil('some were tried again', () => t.count('billing', 'retrying') > 30)
  assert.ok(t.source.acknowledged.size <= 10 + 6, `${t.source.acknowledged.size}`)
  broken = false
  await waitUntil('all are handled', async () => (await t.effects()).length === 100)
  assert.ok(t.source.mostOpen <= 6, `${t.source.mostOpen}`)
})

test('a drain lets what is under way finish, and leaves the rest', async () => {
  await using t = await consumerTest()
  const begun = Promise.withResolvers<void>()
  const go = Promise.withResolvers<void>()
  const consumer = billing({
    concurrency: 1,
    on: [orderPlaced.handle<Handling>(async (payload, handling) => {
      begun.resolve()
      await go.promise
      await write(payload, handling)
    })],
  })
  t.source.send(placed('a', 1), placed('a', 2), placed('b', 1))
  const { running } = await t.run([consumer])
  await begun.promise
  const drained = running.drain(10_000)
  go.resolve()
  await drained
  assert.deepEqual(await t.effects(), ['a:1'])
  assert.equal(t.source.acknowledged.size, 1)
})

test('a worker that is closed while its stream is opened leaves neither stream nor timers behind', async () => {
  await using t = await consumerTest()
  const clock = manualClock()
  const asked = Promise.withResolvers<void>()
  const go = Promise.withResolvers<void>()
  let isClosed = false
  const source: EventSource = {
    name: 'memory',
    async subscribe (subscription) {
      asked.resolve()
      await go.promise
      const stream = await t.source.subscribe(subscription)
      return {
        ...stream,
        async close () {
          isClosed = true
          await stream.close()
        },
      }
    },
  }
  const { worker } = await t.open([billing()], { sources: { log: source }, clock })
  const own = worker()
  const started = own.start()
  await asked.promise
  const closed = own.close()
  go.resolve()
  await Promise.all([started, closed])
  assert.equal(isClosed, true)
  assert.equal(clock.pending(), 0)
})

test('a process that would forget events before their source has done with them does not start', async () => {
  await using t = await consumerTest()
  const { worker } = await t.open([billing()], { keep: '59s' })
  await assert.rejects(worker().start(), {
    code: 'SETTING_INVALID',
    message: /billing must be at least 1m, .*59000/,
  })
  t.source.horizonMs = Number.POSITIVE_INFINITY
  const { worker: other } = await t.open([billing()])
  await assert.rejects(other().start(), { code: 'SETTING_INVALID', message: /which nothing bounds/ })
})

test('a replay has the effects again, of one consumer, and in order', async () => {
  await using t = await consumerTest()
  t.source.send(placed('a', 1), placed('a', 2), placed('b', 1, { payload: '{' }))
  const { replay, held } = await t.run([billing({ deadline: '1s' })])
  await waitUntil('all are acknowledged', () => t.source.acknowledged.size === 3)
  await replay('billing', 'beginning')
  await waitUntil('all are handled again', async () => (await t.effects()).length === 4)
  assert.deepEqual(await t.effects(), ['a:1', 'a:2', 'a:1', 'a:2'])
  await waitUntil('what cannot be read is held again', async () => (await held('billing'))[0]?.events === 1)
})

test('a batch is one transaction; where it fails, each of its events gets one of its own', async () => {
  await using t = await consumerTest()
  const sizes: number[] = []
  const consumer = defineConsumer('billing', {
    on: [orderPlaced],
    retry: { attempts: 1 },
    batch: {
      size: 10,
      async run (events, { tx }) {
        sizes.push(events.length)
        for (const payload of events.of(orderPlaced)) {
          if (payload.orderId === 'bad') throw new Error('not this one')
          await write(payload, { tx } as Handling)
        }
      },
    },
  })
  const events = Array.from({ length: 10 }, (_, nth) => placed('a', nth))
  t.source.send(
    ...events,
    ...events.map((event) => ({ ...event })),
    placed('a', 10),
    placed('bad', 1),
    placed('a', 11)
  )
  const { held } = await t.run([consumer])
  await waitUntil('all are acknowledged', () => t.source.acknowledged.size === 23)
  assert.deepEqual(sizes, [10, 3, 1, 1, 1])
  assert.deepEqual(await t.effects(), Array.from({ length: 12 }, (_, nth) => `a:${nth}`))
  assert.equal((await held('billing'))[0]?.oldest.key, 'bad')
})

test('an event that has ended its process too often is a dead letter without another try', async () => {
  await using t = await consumerTest()
  const killer = placed('a', 1)
  t.source.send(killer, placed('b', 1))
  t.source.handedOut.set(killer, 10)
  const { held } = await t.run([billing()])
  await waitUntil('all are acknowledged', () => t.source.acknowledged.size === 2)
  assert.deepEqual(await t.effects(), ['b:1'])
  assert.equal((await held('billing'))[0]?.state, 'dead')
})

test('a handler runs in the trace of who emitted, for the same tenant, as background work, with a deadline', async () => {
  await using t = await consumerTest()
  const seen = Promise.withResolvers<Context | undefined>()
  const spans: FinishedSpan[] = []
  const tracer = new Tracer({
    exporter: {
      export: async (batch) => void spans.push(...batch),
      close: async () => {},
    },
  })
  const consumer = billing({
    deadline: '7s',
    on: [orderPlaced.handle<Handling>(async (payload, handling) => {
      await write(payload, handling)
      seen.resolve(currentContext())
    })],
  })
  t.source.send(placed('a', 1, {
    headers: {
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      'plimsoll-tenant': 'acme',
    },
  }))
  await t.run([consumer], { tracer })
  const context = await seen.promise
  await waitUntil('it is acknowledged', () => t.source.acknowledged.size === 1)
  await tracer.close()
  assert.equal(context?.trace.traceId, '0af7651916cd43dd8448eb211c80319c')
  assert.deepEqual([context?.tenant, context?.criticality], ['acme', 'background'])
  assert.ok(context!.deadline.remainingMs() <= 7_000)
  assert.deepEqual(
    spans.map(({ name, kind, parentSpanId, trace }) => [name, kind, parentSpanId, trace.spanId]),
    [
      ['process billing', 'consumer', 'b7ad6b7169203331', context?.trace.spanId],
    ]
  )
})

test('handling that is ended by the database begins anew, and no try is counted', async () => {
  await using t = await consumerTest()
  let cuts = 2
  const attempts: number[] = []
  const consumer = billing({
    retry: { attempts: 1 },
    on: [orderPlaced.handle<Handling>(async (payload, handling) => {
      attempts.push(handling.attempt)
      await write(payload, handling)
      if (cuts-- > 0) await handling.tx.query('SELECT pg_terminate_backend(pg_backend_pid())')
    })],
  })
  t.source.send(placed('a', 1))
  const { held } = await t.run([consumer])
  await waitUntil('it is handled', async () => (await t.effects()).length === 1)
  assert.deepEqual(attempts, [1, 1, 1])
  assert.deepEqual(await held('billing'), [])
  assert.equal(t.count('billing', 'interrupted'), 2)
})

test('a held event whose last try was never heard of again counts that try, and ends in the dead letters', async () => {
  await using t = await consumerTest()
  t.source.send(placed('a', 1))
  const broken = billing({
    retry: { attempts: 3, base: '1h', cap: '1h' },
    on: [orderPlaced.handle<Handling>(async () => {
      throw new Error('not yet')
    })],
  })
  const { held } = await t.run([broken])
  await waitUntil('it is held', async () => (await held('billing')).length === 1)
  // As if two more processes had taken it on, and ended.
  await t.pool.query(`UPDATE plimsoll_held_key SET attempts = 3, due_at = now()`)
  await waitUntil('it is dead', async () => (await held('billing'))[0]?.state === 'dead')
  assert.equal((await held('billing'))[0]?.failure.code, 'JOB_LEASE_LAPSED')
})

test('what was handled long ago is forgotten, and nothing else', async () => {
  await using t = await consumerTest()
  const clock = manualClock()
  t.source.send(placed('a', 1), placed('a', 2))
  const { running } = await t.run([billing()])
  await waitUntil('all are acknowledged', () => t.source.acknowledged.size === 2)
  await running.close()
  await t.pool.query(
    `UPDATE plimsoll_inbox SET received_at = now() - interval '8 days' WHERE id = '${t.source.sent[0]!.id}'`
  )
  const sweeper = new InboxSweeper({
    pool: t.pool,
    schema: undefined,
    keepMs: 7 * 86_400_000,
    logger: undefined,
    clock,
    random: () => 0,
  })
  sweeper.start()
  const left = async (): Promise<readonly string[]> =>
    (await t.pool.query<{ id: string }>('SELECT id FROM plimsoll_inbox')).rows.map(({ id }) => id)
  clock.advance(599_999)
  assert.equal((await left()).length, 2, 'nothing is forgotten while the source may still hand out again')
  clock.advance(1)
  await waitUntil('the old one is forgotten', async () => (await left()).length === 1)
  assert.deepEqual(await left(), [t.source.sent[1]!.id])
  sweeper.close()
})

test('an event that fails while its key is held by somebody else already goes behind the others', async () => {
  await using t = await consumerTest()
  await t.open([billing()])
  const store = new ConsumerStore(t.pool, 'billing', undefined)
  const { incarnation } = await store.place(1_000)
  const verdict = { dead: true, waitMs: 0, failure: { name: 'Error', message: 'no', fingerprint: 'x' } }
  const [first, second] = [placed('a', 1), placed('a', 2)]
  assert.equal(await store.hold(incarnation, first, verdict), true)
  assert.equal(await store.hold(incarnation, second, { ...verdict, dead: false }), true)
  assert.equal(await store.hold(incarnation, second, verdict), false, 'it is known')
  const { rows } = await t.pool.query<{ message: string }>(
    'SELECT message FROM plimsoll_held_message ORDER BY seq'
  )
  assert.deepEqual(rows.map(({ message }) => readMessage(message).id), [first.id, second.id])
  const { rows: keys } = await t.pool.query('SELECT dead, attempts FROM plimsoll_held_key')
  assert.deepEqual(keys, [{ dead: true, attempts: 1 }])
  assert.equal(
    await store.hold(incarnation + 1, placed('b', 1), verdict),
    false,
    'the consumer has been replayed'
  )
})

test('a definition that cannot work is refused, and so is a source that nobody has', async () => {
  const on = [orderPlaced.handle(write)]
  const wrong: readonly (() => unknown)[] = [
    () => defineConsumer('Billing', { on }),
    () => defineConsumer('billing', { on: [] }),
    () => defineConsumer('billing', { on: [...on, ...on] }),
    () => defineConsumer('billing', { on, concurrency: 0 }),
    () => defineConsumer('billing', { on, window: 1.5 }),
    () => defineConsumer('billing', { on, retry: { attempts: 0 } }),
    () => defineConsumer('billing', { on, retry: { base: '2s', cap: '1s' } }),
    () => defineConsumer('billing', { on, deadline: 0 }),
    () => defineConsumer('billing', { on, from: 'middle' as 'end' }),
  ]
  for (const define of wrong) assert.throws(define, { code: 'SETTING_INVALID' }, String(define))
  await using t = await consumerTest()
  await assert.rejects(t.open([billing({ source: 'nats' })]), { message: /one of log, got "nats"/ })
  await assert.rejects(t.open([billing(), billing()]), { code: 'SETTING_INVALID' })
})
