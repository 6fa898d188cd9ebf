import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { createLogger, MetricsRegistry } from '../../telemetry/index.ts'
import { keptLines } from '../../telemetry/log/lines.fixture.ts'
import { comparePositions } from '../events/index.ts'
import { metricLines } from './metric-lines.fixture.ts'
import { counted, numbersOf, type TestOutbox, testOutbox } from './outbox.fixture.ts'

const keep = '60s'

/** As it is when so much time has passed by the server's clock. */
async function pass ({ pool, outbox }: TestOutbox, seconds: number): Promise<void> {
  await pool.query(
    `update plimsoll_outbox_segment set opened_at = opened_at - $1 * interval '1 s', closed_at = closed_at - $1 * interval '1 s'`,
    [seconds]
  )
  await pool.query(`update plimsoll_outbox_reader set saved_at = saved_at - $1 * interval '1 s'`, [seconds])
  await outbox.upkeep()
}

/** Until all that was written is older than what is kept. */
async function passAll (under: TestOutbox): Promise<void> {
  for (let turn = 0; turn < 8; turn++) await pass(under, 11)
}

test('events are dropped when they are older than what is kept, and not before', async () => {
  await using under = await testOutbox({ keep })
  await under.emit('a', 1)
  await pass(under, 11)
  await under.emit('a', 2)
  for (let seconds = 11; seconds + 11 < 71; seconds += 11) await pass(under, 11)
  assert.deepEqual(numbersOf(await under.all()), [1, 2])
  await pass(under, 11)
  assert.deepEqual(numbersOf(await under.all()), [2])
  await pass(under, 11)
  assert.deepEqual(numbersOf(await under.all()), [])
})

test('the log never stops taking events, however often it is turned, and keeps their order over all turns', async () => {
  await using under = await testOutbox({ keep })
  const numbers = Array.from({ length: 30 }, (_, n) => n)
  const { position } = await counted.emit(under.pool, { key: 'a', n: -1 })
  await under.outbox.checkpoints.open('reader', position)
  for (const n of numbers) {
    await under.emit('a', n)
    await pass(under, 11)
  }
  assert.deepEqual(numbersOf(await under.all()), [-1, ...numbers])
  const used = await under.pool.query('select distinct segment from plimsoll_outbox')
  assert.equal(used.rows.length, 8)
})

test('nothing is dropped that a reader with a checkpoint has not passed; when it has, it goes', async () => {
  await using under = await testOutbox({ keep })
  const { outbox, pool } = under
  await outbox.checkpoints.open('slow', 'start')
  await under.emit('a', 1, 2)
  await passAll(under)
  assert.deepEqual(numbersOf(await under.all()), [1, 2])
  const [first, second] = await under.all()
  await outbox.checkpoints.save(pool, 'slow', first!.position, 0n)
  await passAll(under)
  assert.deepEqual(numbersOf(await under.all()), [1, 2])
  await outbox.checkpoints.save(pool, 'slow', second!.position, 0n)
  await passAll(under)
  assert.deepEqual(numbersOf(await under.all()), [])
})

test('a reader that is forsaken or removed is not waited for; it learns what it has missed', async () => {
  const lines = keptLines()
  const registry = new MetricsRegistry()
  await using under = await testOutbox({
    keep,
    forsakeAfter: '300s',
    registry,
    logger: createLogger({ destination: lines }),
  })
  const { outbox, pool } = under
  const forsaken = async (): Promise<readonly string[]> => [
    ...lines.objects().flatMap(({ reader }) => reader === undefined ? [] : [String(reader)]),
    ...(await metricLines(registry, 'plimsoll_outbox_forsaken_total')),
  ]
  const { position } = await counted.emit(pool, { key: 'a', n: 0 })
  await outbox.checkpoints.open('slow', position)
  await under.emit('a', 1)
  await passAll(under)
  await passAll(under)
  assert.deepEqual(numbersOf(await under.all()), [0, 1])
  assert.deepEqual(await forsaken(), ['plimsoll_outbox_forsaken_total 0'])
  await passAll(under)
  await passAll(under)
  assert.deepEqual(numbersOf(await under.all()), [])
  assert.deepEqual(await forsaken(), ['slow', 'plimsoll_outbox_forsaken_total 1'])
  await assert.rejects(outbox.read({ after: position, limit: 1 }), { code: 'LOG_TRUNCATED', after: position })
  const tail = await outbox.tail()
  assert.ok(comparePositions(position, tail!) < 0)
  await under.emit('a', 2)
  await under.quiet()
  assert.deepEqual(numbersOf((await outbox.read({ after: tail, limit: 5 })).messages), [2])
  assert.deepEqual((await outbox.checkpoints.open('new', 'start')).position, tail)
})

test('a segment that somebody reads or writes is left for the next time, and nobody waits for it', async () => {
  await using under = await testOutbox({ keep })
  await under.emit('a', 1)
  const reading = await under.begin()
  await reading.client.query('select * from plimsoll_outbox')
  await passAll(under)
  await under.emit('a', 2)
  assert.deepEqual(numbersOf(await under.all()), [1, 2])
  await reading.end('commit')
  await under.outbox.upkeep()
  assert.deepEqual(numbersOf(await under.all()), [2])
})

test('a clock that is set back stops no event, and makes no hole: older segments go before younger ones', async () => {
  await using under = await testOutbox({ keep })
  const hourBack = -3_600
  await under.emit('a', 1)
  await pass(under, 11)
  await under.emit('a', 2)
  await pass(under, hourBack)
  await under.emit('a', 3)
  // Times of before are ahead now; what is closed from here on looks older than that.
  await under.pool.query(
    'update plimsoll_outbox_segment set opened_at = now() where opened_at > now() and closed_at is null'
  )
  for (let turn = 0; turn < 9; turn++) {
    await pass(under, 11)
    await under.emit('a', 4 + turn)
  }
  assert.deepEqual(numbersOf(await under.all()), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
  await pass(under, -hourBack)
  assert.deepEqual(numbersOf(await under.all()).slice(-1), [12])
  assert.equal(numbersOf(await under.all()).includes(1), false)
})

test('while the oldest segment cannot be emptied, no younger one is: the log has no holes', async () => {
  await using under = await testOutbox({ keep })
  await under.emit('a', 1)
  await pass(under, 11)
  await under.emit('a', 2)
  const reading = await under.begin()
  await reading.client.query('select * from plimsoll_outbox_0')
  await passAll(under)
  assert.deepEqual(numbersOf(await under.all()), [1, 2])
  await reading.end('commit')
  await under.outbox.upkeep()
  assert.deepEqual(numbersOf(await under.all()), [])
})

test('an event that is committed into a segment while that waits to be emptied is kept for its reader', async () => {
  await using under = await testOutbox({ keep })
  const { outbox, pool } = under
  const slow = await under.begin()
  await slow.client.query('set transaction isolation level repeatable read')
  await counted.emit(slow.client, { key: 'a', n: 1 })
  await outbox.checkpoints.open('reader', 'start')
  for (let turn = 0; turn < 6; turn++) await pass(under, 11)
  await pool.query(`update plimsoll_outbox_segment set closed_at = closed_at - interval '11 s'`)
  const waited = new AbortController()
  // Its patience is short: on a busy machine, the first time may be over before it is seen.
  const kept = (async () => {
    while (!waited.signal.aborted) await outbox.upkeep()
  })()
  await waitUntil('upkeep waits for the segment', async () => {
    const { rowCount } = await pool.query(
      `select from pg_locks where not granted and relation = 'plimsoll_outbox_0'::regclass`
    )
    return rowCount! > 0
  })
  waited.abort()
  await slow.end('commit')
  await kept
  assert.deepEqual(numbersOf(await under.all()), [1])
})

test('a transaction that began before its segment was dropped still writes its event, and it is read', async () => {
  await using under = await testOutbox({ keep })
  await under.emit('a', 1)
  const slow = await under.begin()
  await slow.client.query('set transaction isolation level repeatable read')
  await slow.client.query('select 1')
  await passAll(under)
  await counted.emit(slow.client, { key: 'a', n: 2 })
  await slow.end('commit')
  assert.deepEqual(numbersOf(await under.all()), [2])
})

test('several processes keep up at once, and turn once', async () => {
  await using under = await testOutbox({ keep })
  await under.pool.query(`update plimsoll_outbox_segment set opened_at = opened_at - interval '11 s'`)
  await Promise.all(Array.from({ length: 5 }, () => under.outbox.upkeep()))
  const { rows } = await under.pool.query('select segment from plimsoll_outbox_state')
  assert.deepEqual(rows, [{ segment: 1 }])
})
