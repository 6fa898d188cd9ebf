import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { MetricsRegistry } from '../../telemetry/index.ts'
import { comparePositions, formatPosition, type LogPosition } from '../events/index.ts'
import { type Leases, openLeases } from '../lease/index.ts'
import { openOutbox, type Outbox, type OutboxLog } from '../outbox/index.ts'
import { type Consumers, openConsumers } from './consumers.ts'
import { type Consumer, defineConsumer, type Handling } from './define-consumer.ts'
import type { HeldEvent, HeldKey } from './held-events.ts'
import { logSource } from './log-source.ts'
import { orderPlaced, type Placed } from './orders.fixture.ts'
import { prepareConsumerTables } from './tables.ts'

let database: TestDatabase
let pool: pg.Pool
let outbox: Outbox
const leases: Leases[] = []

before(async () => {
  database = await testDatabase({ server: 'log' })
  pool = new pg.Pool({ connectionString: database.url, max: 30 })
  pool.on('error', () => {})
  await pool.query(
    'CREATE TABLE effect (id bigint GENERATED ALWAYS AS IDENTITY, consumer text, order_id text, nth int)'
  )
  outbox = await openOutbox({ pool })
})
after(async () => {
  for (const own of leases) await own.close()
  await outbox.close()
  await pool.end()
  await database.close()
})
beforeEach(async () => {
  await pool.query('TRUNCATE effect')
})

function consumer (name: string, options: { readonly from?: 'beginning' | 'end' } = {}): Consumer {
  return defineConsumer(name, {
    ...options,
    deadline: '1s',
    on: [orderPlaced.handle<Handling>(async ({ orderId, nth }: Placed, { tx }) => {
      await tx.query('INSERT INTO effect (consumer, order_id, nth) VALUES ($1, $2, $3)', [name, orderId, nth])
    })],
  })
}

/** Another process, as far as leases and streams can tell. */
async function process (...consumers: readonly Consumer[]): Promise<Consumers> {
  const own = await openLeases({ pool, leaseMs: 1_000 })
  leases.push(own)
  const source = logSource({ log: outbox, pool, leases: own, lookEveryMs: 100 })
  return await openConsumers({ pool, consumers, sources: { log: source }, registry: new MetricsRegistry() })
}

async function effects (name: string): Promise<readonly string[]> {
  const { rows } = await pool.query<{ effect: string }>(
    `SELECT order_id || ':' || nth AS effect FROM effect WHERE consumer = $1 ORDER BY id`,
    [name]
  )
  return rows.map(({ effect }) => effect)
}

async function place (orderId: string, ...nths: readonly number[]): Promise<LogPosition> {
  const written = await orderPlaced.emitMany(pool, nths.map((nth) => ({ orderId, nth })))
  return written.at(-1)!.position
}

test('a consumer has what the log still has, one from the end what comes; both go on where they were', async () => {
  await place('a', 1, 2)
  const [all, news] = [consumer('all'), consumer('news', { from: 'end' })]
  const first = await process(all, news)
  await first.worker().start()
  await waitUntil('all are handled', async () => (await effects('all')).length === 2)
  const last = await place('a', 3)
  await waitUntil('all are handled', async () => (await effects('news')).length === 1)
  await waitUntil('all are handled', async () => (await effects('all')).length === 3)
  await first.close()
  const places = (await outbox.checkpoints.list()).filter(({ name }) => name.startsWith('consumer all'))
  assert.ok(
    places.some(({ position }) => comparePositions(position, last) >= 0),
    'who leaves says where it was'
  )
  await place('a', 4)
  const second = await process(all, news)
  await second.worker().start()
  await waitUntil('all are handled', async () => (await effects('all')).length === 4)
  await waitUntil('all are handled', async () => (await effects('news')).length === 2)
  assert.deepEqual(await effects('all'), ['a:1', 'a:2', 'a:3', 'a:4'])
  assert.deepEqual(await effects('news'), ['a:3', 'a:4'])
  await second.close()
})

test('processes share the parts of the keys, take over those of one that leaves, and keep each key in order', async () => {
  const shared = consumer('shared', { from: 'end' })
  const one = await process(shared)
  await one.worker().start()
  const orders = Array.from({ length: 12 }, (_, nth) => `order ${nth}`)
  const two = await process(shared)
  await two.worker().start()
  const holders = async (): Promise<number> => {
    const { rows } = await pool.query<{ owner: string }>(
      `SELECT DISTINCT owner FROM plimsoll_lease WHERE name ~ '^consumer shared \\d+$' AND lease_until > now()`
    )
    return rows.length
  }
  await waitUntil('both have a share', async () => await holders() === 2)
  for (let nth = 1; nth <= 5; nth++) for (const order of orders) await place(order, nth)
  await one.close()
  for (let nth = 6; nth <= 10; nth++) for (const order of orders) await place(order, nth)
  await waitUntil('all are handled', async () => (await effects('shared')).length === 120)
  const seen = await effects('shared')
  for (const order of orders) {
    const own = seen.filter((effect) => effect.startsWith(`${order}:`))
    assert.deepEqual(own, Array.from({ length: 10 }, (_, nth) => `${order}:${nth + 1}`))
  }
  await two.close()
})

test('a replay from a place brings what came after it, of one consumer, while others go on', async () => {
  const [replayed, untouched] = [
    consumer('replayed', { from: 'end' }),
    consumer('untouched', { from: 'end' }),
  ]
  const consumers = await process(replayed, untouched)
  await consumers.worker().start()
  const position = await place('b', 1)
  await place('b', 2, 3)
  await waitUntil('all are handled', async () => (await effects('replayed')).length === 3)
  await waitUntil('all are handled', async () => (await effects('untouched')).length === 3)
  await consumers.replay('replayed', position)
  await waitUntil('they come again', async () => (await effects('replayed')).length === 5)
  await place('b', 4)
  await waitUntil('news come', async () => (await effects('replayed')).length === 6)
  assert.deepEqual(await effects('replayed'), ['b:1', 'b:2', 'b:3', 'b:2', 'b:3', 'b:4'])
  await waitUntil('news come', async () => (await effects('untouched')).length === 4)
  const names = (await outbox.checkpoints.list()).map(({ name }) => name).filter((name) =>
    name.includes('replayed')
  )
  assert.equal(names.length, 4, `the old places are forgotten: ${names}`)
  await consumers.close()
})

test('what fails while the log is read is told, and tried again until it succeeds', async () => {
  const errors: unknown[] = []
  const own = await openLeases({ pool, leaseMs: 1_000 })
  leases.push(own)
  const log: OutboxLog = {
    checkpoints: outbox.checkpoints,
    read: (read) => errors.length < 2 ? Promise.reject(new Error('away')) : outbox.read(read),
    wait: (...args) => outbox.wait(...args),
    head: () => outbox.head(),
    tail: () => outbox.tail(),
    stall: () => outbox.stall(),
    close: async () => {},
    [Symbol.asyncDispose]: async () => {},
  }
  const source = logSource({ log, pool, leases: own, onError: (error) => errors.push(error) })
  await prepareConsumerTables(pool, undefined)
  await orderPlaced.emit(pool, { orderId: 'told', nth: 1 })
  const { signal } = new AbortController()
  const types = ['order.placed']
  const subscription = { consumer: 'told', incarnation: 1, types, from: 'beginning', window: 10 } as const
  const stream = await source.subscribe(subscription, signal)
  assert.ok((await stream.pull(10, signal)).length > 0)
  assert.deepEqual(errors.map((error) => (error as Error).message), ['away', 'away'])
  await stream.close()
})

test('what is held is told as JSON, with its place as a text', async () => {
  const seen = await place('held', 1)
  const broken = defineConsumer('broken', {
    retry: { attempts: 1 },
    on: [orderPlaced.handle(() => Promise.reject(new Error('it never works')))],
  })
  await using run = await process(broken)
  await run.worker().start()
  const held = async (): Promise<HeldKey<HeldEvent> | undefined> =>
    (await run.held('broken')).find(({ oldest }) => oldest.key === 'held')
  await waitUntil('it is dead', async () => (await held())?.state === 'dead')
  const [told] = JSON.parse(JSON.stringify([await held()])) as [HeldKey<HeldEvent>]
  assert.equal(told.oldest.position, formatPosition(seen))
  const discarded = await run.discard('broken', told.key)
  assert.equal(JSON.parse(JSON.stringify(discarded)).position, formatPosition(seen))
})
