import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import type pg from 'pg'
import { transaction } from '../../data/index.ts'
import { seededRandom } from '../../kernel/index.ts'
import { comparePositions, type LogPosition } from '../events/index.ts'
import { counted, numbersOf, testOutbox } from './outbox.fixture.ts'
import { LogReader } from './read-log.ts'

test('an event is in the log if and only if its transaction commits', async () => {
  await using under = await testOutbox()
  const { outbox, pool } = under
  await transaction(pool, async (tx) => {
    await counted.emit(tx, { key: 'a', n: 1 })
    await counted.emitMany(tx, [{ key: 'b', n: 2 }, { key: 'a', n: 3 }])
  })
  await assert.rejects(transaction(pool, async (tx) => {
    await counted.emit(tx, { key: 'a', n: 4 })
    throw new Error('no')
  }))
  await under.emit('c', 5)
  await under.quiet()
  const { messages, more, next, fence } = await outbox.read({ after: undefined, limit: 10 })
  assert.deepEqual(numbersOf(messages), [1, 2, 3, 5])
  assert.equal(more, false)
  assert.deepEqual(next, fence)
  assert.deepEqual((await outbox.read({ after: next, limit: 10 })).messages, [])
})

test('an event is read as it was written, whatever its texts are', async () => {
  await using under = await testOutbox()
  const { outbox, pool } = under
  const texts = ['NUL \u0000', 'half \ud83d', 'ship \u{1f6a2}', '"\\', '\u2028']
  for (const key of texts) {
    const written = await counted.emit(pool, { key, n: 1e300 }, { key: 'texts', headers: { note: 'ů"\\' } })
    await under.quiet()
    const { messages } = await outbox.read({ after: undefined, limit: 100, aggregate: written })
    assert.deepEqual(messages.at(-1), written)
    assert.equal(counted.read(messages.at(-1)!).key, key)
    assert.ok(Math.abs(written.occurredAtMs - Date.now()) < 60_000)
  }
})

test('with slow writers at work, the log loses nothing, where a poll by position loses much', async () => {
  await using under = await testOutbox()
  const { outbox, pool } = under
  const random = seededRandom(5)
  const writers = 8
  const each = 100
  let writing = true
  async function write (writer: number): Promise<void> {
    for (let n = 0; n < each; n++) {
      await transaction(pool, async (tx) => {
        await counted.emit(tx, { key: `writer-${writer}`, n })
        if (writer % 2 === 0) await wait(random() * 20)
      })
    }
  }
  const naive: bigint[] = []
  async function pollNaively (): Promise<void> {
    let last = 0n
    for (;;) {
      const over = !writing
      const { rows } = await pool.query<{ position: string }>(
        'select log.position::text from plimsoll_outbox as log where log.position > $1 order by log.position limit 500',
        [last]
      )
      for (const { position } of rows) naive.push(last = BigInt(position))
      if (over && rows.length === 0) return
    }
  }
  const read: { key: string; n: number }[] = []
  async function readLog (): Promise<void> {
    let after: LogPosition | undefined
    for (;;) {
      const over = !writing
      if (over) await under.quiet()
      const batch = await outbox.read({ after, limit: 500 })
      for (const message of batch.messages) read.push(counted.read(message))
      after = batch.next
      if (over && batch.messages.length === 0) return
    }
  }
  const readers = [pollNaively(), readLog()]
  await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)))
  writing = false
  await Promise.all(readers)

  assert.equal(read.length, writers * each)
  for (let writer = 0; writer < writers; writer++) {
    const numbers = read.filter(({ key }) => key === `writer-${writer}`).map(({ n }) => n)
    assert.deepEqual(numbers, Array.from({ length: each }, (_, n) => n))
  }
  assert.ok(
    naive.length < writers * each,
    `the naive poll lost nothing: ${naive.length} of ${writers * each}`
  )
})

test('within a key the order is that of the locks, even when the later transaction has the lower id', async () => {
  await using under = await testOutbox()
  const { outbox, pool } = under
  await pool.query('create table thing (id text primary key)')
  await pool.query(`insert into thing values ('a')`)
  const early = await under.begin()
  await early.client.query(`insert into thing values ('something else')`)
  const slow = await under.begin()
  await slow.client.query(`insert into thing values ('slow')`)
  const first = await under.begin()
  await first.client.query(`update thing set id = id where id = 'a'`)
  await counted.emit(first.client, { key: 'a', n: 1 })
  await first.end('commit')
  await early.client.query(`update thing set id = id where id = 'a'`)
  await counted.emit(early.client, { key: 'a', n: 2 })
  await early.end('commit')

  // By the ids of the writers, the fence would stand between the two, with the second event before it.
  await under.quiet()
  const before = await outbox.read({ after: undefined, limit: 10 })
  assert.deepEqual(numbersOf(before.messages), [])
  await slow.end('commit')
  await under.quiet()
  const after = await outbox.read({ after: before.next, limit: 10 })
  assert.deepEqual(numbersOf(after.messages), [1, 2])
})

test('nothing is read from behind a running transaction that has written, wherever it has', async () => {
  await using under = await testOutbox()
  const { outbox } = under
  const slow = await under.begin()
  await slow.client.query('create table elsewhere (id int)')
  await under.emit('a', 1)
  assert.deepEqual(numbersOf(await under.all()), [])
  await slow.end('rollback')
  assert.deepEqual(numbersOf(await under.all()), [1])
  const reading = await under.begin()
  await reading.client.query('select * from plimsoll_outbox')
  await under.emit('a', 2)
  assert.deepEqual(numbersOf(await under.all()), [1, 2])
  assert.equal((await outbox.stall())?.held ?? 0, 0)
  await reading.end('rollback')
})

test('a read ends at its limit, at upTo or at the fence, and says where to go on', async () => {
  await using under = await testOutbox()
  const { outbox } = under
  await under.emit('a', 1, 2, 3, 4, 5)
  await under.quiet()
  const first = await outbox.read({ after: undefined, limit: 2 })
  assert.deepEqual([numbersOf(first.messages), first.more], [[1, 2], true])
  assert.deepEqual(first.next, first.messages[1]!.position)
  const upTo = (await under.all())[3]!.position
  await under.quiet()
  const second = await outbox.read({ after: first.next, limit: 10, upTo })
  assert.deepEqual([numbersOf(second.messages), second.more], [[3, 4], false])
  assert.deepEqual(second.next, upTo)
  await under.quiet()
  const third = await outbox.read({ after: second.next, limit: 10 })
  assert.deepEqual(numbersOf(third.messages), [5])
  assert.deepEqual(third.next, third.fence)
  const ahead = { ...third.fence, xid: third.fence.xid + 1_000n }
  assert.deepEqual((await outbox.read({ after: ahead, limit: 10 })).next, ahead)
})

test('a read of some types, one aggregate or one shard gives these alone, and moves on with the log all the same', async () => {
  await using under = await testOutbox()
  const { outbox } = under
  const keys = Array.from({ length: 60 }, (_, n) => `key-${n}`)
  for (const [n, key] of keys.entries()) await under.emit(key, n)
  await under.quiet()
  const none = await outbox.read({ after: undefined, limit: 100, types: ['other'] })
  assert.deepEqual(none.messages, [])
  assert.deepEqual(none.next, none.fence)
  assert.equal(
    (await outbox.read({ after: undefined, limit: 100, types: ['other', 'thing.counted'] })).messages.length,
    60
  )
  const one = { aggregateType: 'thing', key: 'key-7' }
  assert.deepEqual(
    numbersOf((await outbox.read({ after: undefined, limit: 100, aggregate: one })).messages),
    [7]
  )
  const other = { aggregateType: 'other', key: 'key-7' }
  assert.deepEqual((await outbox.read({ after: undefined, limit: 100, aggregate: other })).messages, [])
  const shards = await Promise.all(
    [0, 1, 2].map(async (at) =>
      numbersOf((await outbox.read({ after: undefined, limit: 100, shard: { of: 3, at } })).messages)
    )
  )
  assert.deepEqual(shards.flat().toSorted((a, b) => a - b), keys.map((_, n) => n))
  for (const shard of shards) assert.ok(shard.length > 5, String(shards))
})

test('what was committed before the head was asked for comes before it, and what comes later after', async () => {
  await using under = await testOutbox()
  const { outbox } = under
  await under.emit('a', 1)
  await under.quiet()
  const head = await outbox.head()
  await under.emit('a', 2)
  const [first, second] = await under.all()
  assert.ok(comparePositions(first!.position, head) < 0)
  assert.ok(comparePositions(second!.position, head) > 0)
})

test("an insert by hand, with Debezium's columns alone, is an event like any other", async () => {
  await using under = await testOutbox()
  const { outbox, pool } = under
  await pool.query(
    `insert into plimsoll_outbox (id, aggregatetype, aggregateid, type, payload)
     values (gen_random_uuid(), 'invoice', '7', 'invoice.sent', '{"to": "x"}')`
  )
  await under.quiet()
  const { messages: [message] } = await outbox.read({ after: undefined, limit: 1, types: ['invoice.sent'] })
  const { id: _, occurredAtMs: __, position, ...rest } = message!
  assert.deepEqual(rest, {
    aggregateType: 'invoice',
    key: '7',
    type: 'invoice.sent',
    version: 1,
    payload: '{"to": "x"}',
    headers: {},
  })
  assert.equal(position.epoch, 1)
})

test("numbers beyond JavaScript's come back exact, whatever the parsers of the pool are", async () => {
  await using under = await testOutbox()
  const { outbox, pool } = under
  await pool.query(`select setval('plimsoll_outbox_position', 9007199254740993)`)
  const written = await counted.emit(pool, { key: 'far', n: 1 })
  assert.equal(written.position.position, 9_007_199_254_740_994n)
  await under.quiet()
  const { messages } = await outbox.read({ after: undefined, limit: 1, aggregate: written })
  assert.deepEqual(messages[0]!.position, written.position)
})

test('a page costs what is on it, and a look for news next to nothing, however long the log is and whatever is known of it', async () => {
  await using under = await testOutbox()
  const { outbox, pool } = under
  const total = 20_000
  for (let n = 0; n < total; n += 1_000) {
    await counted.emitMany(pool, Array.from({ length: 1_000 }, (_, at) => ({ key: `key-${at}`, n: n + at })))
  }
  const asked: pg.QueryConfig[] = []
  const listening = {
    query (config: pg.QueryConfig) {
      asked.push(config)
      return pool.query(config)
    },
  }
  const reader = new LogReader(listening as pg.Pool, outbox.names)
  await under.quiet()
  const end = await outbox.head()
  for (const analyzed of [false, true]) {
    asked.length = 0
    if (analyzed) await pool.query('analyze plimsoll_outbox')
    const { messages: [first] } = await reader.read({ after: undefined, limit: 1 })
    await reader.read({ after: first!.position, limit: 10, types: ['thing.counted'], upTo: end })
    await reader.read({ after: undefined, limit: 10, shard: { of: 2, at: 1 } })
    await reader.read({ after: end, limit: 10 })
    assert.equal(await reader.hasNews(first!.position), true)
    assert.equal(await reader.hasNews(end), false)
    for (const { text, values } of asked) {
      const explain = { text: `explain (analyze, buffers, format json) ${text}`, values: values! }
      // The first run fills the caches of the connection.
      const client = await pool.connect()
      await client.query(explain)
      const { rows: [row] } = await client.query(explain)
      client.release()
      const [{ Plan: plan }] = row['QUERY PLAN']
      const blocks = plan['Shared Hit Blocks'] + plan['Shared Read Blocks']
      assert.ok(blocks < 150, `${blocks} blocks, analyzed: ${analyzed}: ${text}`)
    }
  }
})
