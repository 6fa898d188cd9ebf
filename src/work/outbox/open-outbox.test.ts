import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { manualClock } from '../../kernel/index.ts'
import { createLogger, MetricsRegistry } from '../../telemetry/index.ts'
import { keptLines } from '../../telemetry/log/lines.fixture.ts'
import { formatPosition, parsePosition } from '../events/index.ts'
import { metricLines } from './metric-lines.fixture.ts'
import { openOutbox } from './open-outbox.ts'
import { counted, numbersOf, testOutbox } from './outbox.fixture.ts'
import { ParkedEvents } from './parked-events.ts'

test('a reader that has waited for long is woken at once by what its own process emits', async () => {
  const clock = manualClock()
  await using under = await testOutbox({ clock, idlePause: '1h' })
  await under.quiet()
  const woken = under.outbox.wait(await under.outbox.head(), 1e9, new AbortController().signal)
  // Two timers wait: that of the reader, and that of the next look.
  for (let look = 0; look < 10; look++) {
    clock.advance(1_000)
    await waitUntil('the look is over', () => clock.pending() === 2)
  }
  await under.emit('a', 1)
  await under.quiet()
  clock.advance(2)
  assert.equal(await woken, true)
})

test('the tables are in the schema that is named, and events of two outboxes do not mix', async () => {
  await using database = await testDatabase({ server: 'log' })
  const pools = ['Own "a"', 'own_b'].map(() => new pg.Pool({ connectionString: database.url, max: 3 }))
  const [a, b] = await Promise.all(
    ['Own "a"', 'own_b'].map((schema, at) => openOutbox({ pool: pools[at]!, schema }))
  )
  await counted.emit(pools[0]!, { key: 'a', n: 1 })
  await counted.emit(pools[1]!, { key: 'a', n: 2 })
  for (const [outbox, n] of [[a!, 1], [b!, 2]] as const) {
    await waitUntil('it is read', async () => {
      const { messages } = await outbox.read({ after: undefined, limit: 5 })
      return messages.length === 1 && numbersOf(messages)[0] === n
    })
    await outbox.checkpoints.open('reader', 'head')
    await outbox.upkeep()
    assert.equal((await outbox.checkpoints.list()).length, 1)
    await outbox.close()
  }
  await assert.rejects(counted.emit(pools[0]!, { key: 'a', n: 1 }), { code: 'EVENTS_NOT_OPEN' })
  for (const pool of pools) await pool.end()
})

test('readers that nobody declares are named once, and counted for as long as their checkpoints are there', async () => {
  const lines = keptLines()
  const registry = new MetricsRegistry()
  await using under = await testOutbox({
    registry,
    logger: createLogger({ destination: lines }),
    isDeclared: (name) => name.startsWith('ours'),
  })
  const { outbox } = under
  const told = (): unknown[] =>
    lines.objects().flatMap(({ readers }) => readers === undefined ? [] : [readers])
  const counted = (): Promise<readonly string[]> =>
    metricLines(registry, 'plimsoll_outbox_undeclared_readers')
  await outbox.checkpoints.open('ours', 'start')
  await outbox.upkeep()
  assert.deepEqual([told(), await counted()], [[], ['plimsoll_outbox_undeclared_readers 0']])
  await outbox.checkpoints.open('gone', 'start')
  await outbox.upkeep()
  await outbox.upkeep()
  assert.deepEqual([told(), await counted()], [[['gone']], ['plimsoll_outbox_undeclared_readers 1']])
  await outbox.checkpoints.open('lost', 'start')
  await outbox.upkeep()
  await outbox.checkpoints.remove('gone')
  await outbox.upkeep()
  assert.deepEqual([told(), await counted()], [[['gone'], ['lost']], [
    'plimsoll_outbox_undeclared_readers 1',
  ]])
})

test('what the outbox tells can be sent as JSON: places are their tokens', async () => {
  await using under = await testOutbox()
  const { outbox, pool } = under
  const written = await counted.emit(pool, { key: 'a', n: 1 })
  const parked = new ParkedEvents(outbox, 'nats')
  await parked.add(pool, [{ message: written, error: 'no', attempts: 1 }])
  const checkpoint = await outbox.checkpoints.open('reader', written.position)
  const place = formatPosition(written.position)
  const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value))
  assert.deepEqual(asJson(written), { ...written, position: place })
  assert.deepEqual(asJson(checkpoint), { ...checkpoint, position: place })
  assert.deepEqual(asJson(await outbox.checkpoints.list()), [{ ...checkpoint, position: place }])
  const [event] = asJson(await parked.list()) as readonly { message: { position: string } }[]
  assert.equal(event?.message.position, place)
  await under.quiet()
  const batch = await outbox.read({ after: undefined, limit: 1 })
  assert.deepEqual((asJson(batch) as { next: string }).next, formatPosition(batch.next))
  const head = await outbox.head()
  assert.equal(asJson(head), formatPosition(head))
  assert.deepEqual(parsePosition(place), written.position)
})

test('settings that break their rule stop the outbox', async () => {
  const pool = new pg.Pool()
  for (
    const wrong of [{ keep: '1ms' }, { keep: 'x' as '1s' }, { idlePause: '1ms' }, {
      forsakeAfter: 'x' as '1s',
    }] as const
  )
    await assert.rejects(openOutbox({ pool, ...wrong }), { code: 'SETTING_INVALID' })
})
