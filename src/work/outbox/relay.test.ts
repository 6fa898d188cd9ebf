import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waitUntil } from '../../engines/wait-until.fixture.ts'
import { createLogger } from '../../telemetry/index.ts'
import { keptLines } from '../../telemetry/log/lines.fixture.ts'
import { type Leases, openLeases } from '../lease/index.ts'
import { counted, numbersOf, type TestOutbox, testOutbox } from './outbox.fixture.ts'
import { recordingPublisher } from './recording-publisher.fixture.ts'
import type { Relay, RelayOptions } from './relay.ts'
import { openRelay } from './relay.ts'

interface TestRelay extends AsyncDisposable {
  readonly relay: Relay
  readonly publisher: ReturnType<typeof recordingPublisher>
  readonly leases: Leases
  /** What was published of a key, each event once. */
  of(key: string): readonly number[]
}

async function testRelay (under: TestOutbox, options: Partial<RelayOptions> = {}): Promise<TestRelay> {
  const publisher = recordingPublisher()
  const leases = await openLeases({ pool: under.pool, leaseMs: 2_000 })
  const relay = openRelay({ outbox: under.outbox, publisher, leases, longestPause: '20ms', ...options })
  await relay.start()
  return {
    relay,
    publisher,
    leases,
    of (key) {
      const ids = new Set<string>()
      return numbersOf(publisher.taken.filter((message) => {
        const isFirst = !ids.has(message.id)
        ids.add(message.id)
        return isFirst && message.key === key
      }))
    },
    async [Symbol.asyncDispose] () {
      await relay.close()
      await leases.close()
    },
  }
}

const upTo = (n: number): number[] => Array.from({ length: n }, (_, at) => at + 1)

test('events are published in order per key, each once, whether they were there before or come later', async () => {
  await using under = await testOutbox()
  await under.emit('a', 1, 2)
  await under.emit('b', 1)
  await using running = await testRelay(under)
  await waitUntil('the first are published', () => running.publisher.taken.length === 3)
  await under.emit('a', 3)
  await under.emit('b', 2)
  await waitUntil('all are published', () => running.publisher.taken.length === 5)
  assert.deepEqual(running.of('a'), [1, 2, 3])
  assert.deepEqual(running.of('b'), [1, 2])
})

test('a relay that is drained leaves its place to the next, which publishes nothing twice', async () => {
  await using under = await testOutbox()
  await under.emit('a', ...upTo(20))
  {
    await using first = await testRelay(under, { batch: 3 })
    await waitUntil('some are published', () => first.publisher.taken.length >= 6)
    await first.relay.drain(5_000)
    assert.equal(first.relay.held, 0)
    const taken = first.publisher.taken.length
    await using second = await testRelay(under, { batch: 3 })
    await waitUntil('the rest is published', () => second.publisher.taken.length + taken >= 20)
    assert.deepEqual([...first.of('a'), ...second.of('a')], upTo(20))
  }
})

test('a message that the broker never takes parks its key, and the others go on', async () => {
  await using under = await testOutbox()
  await using running = await testRelay(under)
  const { publisher, relay } = running
  publisher.refuse = (message) => message.key === 'bad' && numbersOf([message])[0] === 2 ? 'never' : undefined
  await under.emit('bad', 1, 2, 3)
  await under.emit('good', 1)
  await waitUntil('the other key is published', () => running.of('good').length === 1)
  await under.emit('bad', 4)
  await under.emit('good', 2)
  await waitUntil('the other key goes on', () => running.of('good').length === 2)
  await waitUntil('the event is parked', async () => (await relay.parked.list()).length === 1)
  const [parked] = await relay.parked.list()
  assert.deepEqual(numbersOf([parked!.message]), [2])
  assert.equal(parked!.error, 'refused: never')
  assert.deepEqual(running.of('bad'), [1])

  assert.equal(await relay.parked.release(parked!.message.id), true)
  await waitUntil('it is refused again', async () => (await relay.parked.list())[0]?.attempts === 1)
  publisher.refuse = () => undefined
  await relay.parked.release(parked!.message.id)
  await waitUntil('the key is published', () => running.of('bad').length === 4)
  assert.deepEqual(running.of('bad'), [1, 2, 3, 4])
  await under.emit('bad', 5)
  await waitUntil('the key goes on', () => running.of('bad').length === 5)
  assert.equal(publisher.taken.length, 7)
})

test('a parked message that is discarded is left out, and the rest of its key follows in order', async () => {
  await using under = await testOutbox()
  await using running = await testRelay(under)
  const { publisher, relay } = running
  publisher.refuse = (message) => numbersOf([message])[0] === 2 ? 'never' : undefined
  await under.emit('a', 1, 2, 3)
  await waitUntil('the event is parked', async () => (await relay.parked.list()).length === 1)
  await under.emit('a', 4)
  const [parked] = await relay.parked.list()
  assert.equal(await relay.parked.discard(parked!.message.id), true)
  assert.equal(await relay.parked.discard(parked!.message.id), false)
  await waitUntil('the rest is published', () => running.of('a').length === 3)
  assert.deepEqual(running.of('a'), [1, 3, 4])
})

test('a message that the broker does not take now, while it takes others, is set aside, tried again and then a dead letter', async () => {
  await using under = await testOutbox()
  await using running = await testRelay(under, { attempts: 2 })
  const { publisher, relay } = running
  let tries = 0
  publisher.refuse = (message) => {
    if (message.key !== 'slow' && message.key !== 'never') return undefined
    if (message.key === 'slow' && ++tries > 3) return undefined
    return 'not now'
  }
  await under.emit('slow', 1)
  await under.emit('never', 1)
  await under.emit('good', 1)
  await waitUntil('the late one gets through', () => running.of('slow').length === 1)
  await waitUntil('the other is a dead letter', async () => (await relay.parked.list()).length === 1)
  assert.equal((await relay.parked.list())[0]!.message.key, 'never')
  assert.equal((await relay.parked.list())[0]!.attempts, 2)
  assert.deepEqual(running.of('good'), [1])
})

test('while the broker is away nothing is parked or lost, and all goes on in order when it is back', async () => {
  await using under = await testOutbox()
  const lines = keptLines()
  const logger = createLogger({ destination: lines })
  await using running = await testRelay(under, { behindAfter: '1ms', logger })
  const { publisher, relay } = running
  publisher.down = true
  await under.emit('a', 1, 2, 3)
  await under.emit('b', 1)
  const { check } = publisher
  let checks = 0
  publisher.check = async (signal) => {
    checks++
    await check(signal)
  }
  await waitUntil('the broker was asked several times', () => checks > 6)
  // Once for each shard that has events; nothing is set aside for what the broker cannot take.
  assert.ok(publisher.calls <= 2, String(publisher.calls))
  await assert.rejects(relay.check(), {
    code: 'RELAY_BEHIND',
    relay: 'recording',
    message: /its broker says: the broker is down\. Nothing is lost/,
  })
  assert.deepEqual(await relay.parked.list(), [])
  publisher.down = false
  await waitUntil('all are published', () => publisher.taken.length === 4)
  assert.deepEqual(running.of('a'), [1, 2, 3])
  await waitUntil('it is noted', () => relay.check().then(() => true, () => false))
  const [stands, again, ...more] = lines.objects().map(({ msg }) => String(msg))
  assert.match(stands!, /^the relay recording stands still: its broker takes nothing \(the broker is down\)/)
  assert.match(again!, /^the relay recording publishes again, after \d/)
  assert.deepEqual(more, [])
})

test('a relay does not stand still for an event that its broker never takes', async () => {
  await using under = await testOutbox()
  const lines = keptLines()
  await using running = await testRelay(under, { logger: createLogger({ destination: lines }) })
  running.publisher.refuse = () => 'never'
  await under.emit('a', 1)
  await waitUntil('it is a dead letter', async () => (await running.relay.parked.list()).length === 1)
  assert.deepEqual(lines.objects().map(({ msg }) => String(msg).split(':')[0]), [
    'recording does not take an event',
  ])
})

test('a relay that is stopped while the broker is away leaves to the next what is not confirmed, and no more', async () => {
  await using under = await testOutbox()
  await under.emit('a', 1)
  await under.emit('b', 1)
  await under.emit('a', 2)
  await under.quiet()
  await using first = await testRelay(under, { shards: 1 })
  first.publisher.refuse = ({ key }) => {
    if (key === 'a') return undefined
    first.publisher.down = true
    return 'not now'
  }
  await waitUntil('it was tried', () => first.publisher.calls > 0)
  await first.relay.drain(5_000)
  assert.deepEqual(first.of('a'), [1])
  await using second = await testRelay(under, { shards: 1 })
  await waitUntil('the rest is published', () => second.publisher.taken.length === 2)
  assert.deepEqual([second.of('b'), second.of('a')], [[1], [2]])
})

test('a publisher that throws is one that confirms nothing', async () => {
  await using under = await testOutbox()
  await using running = await testRelay(under)
  let throws = 2
  running.publisher.before = () => {
    if (throws-- > 0) throw new Error('no channel')
  }
  await under.emit('a', 1, 2)
  await waitUntil('all are published', () => running.of('a').length === 2)
  assert.deepEqual(running.of('a'), [1, 2])
})

test('processes that run one relay share its shards, and the last takes them all', async () => {
  await using under = await testOutbox()
  await using first = await testRelay(under)
  await waitUntil('the first has all', () => first.relay.held === 4)
  {
    await using second = await testRelay(under)
    await waitUntil('each has half', () => first.relay.held === 2 && second.relay.held === 2)
    const keys = Array.from({ length: 40 }, (_, at) => `key-${at}`)
    await counted.emitMany(under.pool, keys.map((key, n) => ({ key, n })))
    await waitUntil(
      'all are published',
      () => first.publisher.taken.length + second.publisher.taken.length === 40
    )
    assert.ok(first.publisher.taken.length > 0 && second.publisher.taken.length > 0)
  }
  await waitUntil('the first has all again', () => first.relay.held === 4)
})

test('whoever has lost a shard can no longer move its checkpoint', async () => {
  await using under = await testOutbox()
  await using running = await testRelay(under, { shards: 1 })
  await under.emit('a', 1)
  await waitUntil('it is published', () => running.publisher.taken.length === 1)
  const held = Promise.withResolvers<void>()
  running.publisher.before = () => held.promise
  await under.emit('a', 2)
  await waitUntil('the second is under way', () => running.publisher.calls === 2)
  // As it is when the process has slept through its lease, and another has claimed the shard.
  await under.pool.query(
    `update plimsoll_outbox_reader set token = token + 1000 where name = 'relay recording 0/1'`
  )
  const before = (await under.outbox.checkpoints.list())[0]!
  held.resolve()
  await waitUntil('the second is published', () => running.publisher.taken.length === 2)
  await under.emit('a', 3)
  await waitUntil(
    'the shard was claimed anew',
    async () => BigInt((await under.outbox.checkpoints.list())[0]!.token) < BigInt(before.token)
  )
  await waitUntil('it goes on', () => running.of('a').length === 3)
  assert.deepEqual(running.of('a'), [1, 2, 3])
})

test('more shards begin where the last of the old ones was; fewer are not made', async () => {
  await using under = await testOutbox()
  await under.emit('a', ...upTo(5))
  {
    await using first = await testRelay(under, { shards: 1 })
    await waitUntil('all are published', () => first.publisher.taken.length === 5)
    await first.relay.drain(5_000)
  }
  await under.emit('a', 6)
  {
    await using second = await testRelay(under, { shards: 2 })
    await waitUntil('the sixth is published', () => second.of('a').includes(6))
    assert.deepEqual(second.of('a'), [6])
    await second.relay.drain(5_000)
  }
  // As it is when one of the two has been slow.
  const fifth = (await under.all())[4]!.position
  const [fast, slow] = await under.outbox.checkpoints.list()
  await under.outbox.checkpoints.save(under.pool, fast!.name, await under.outbox.head(), BigInt(fast!.token))
  await under.outbox.checkpoints.save(under.pool, slow!.name, fifth, BigInt(slow!.token))
  {
    await using second = await testRelay(under, { shards: 3 })
    await waitUntil('the sixth is published again', () => second.of('a').includes(6))
    assert.deepEqual(second.of('a'), [6])
    await second.relay.drain(5_000)
  }
  await using third = await testRelay(under, { shards: 2 })
  await waitUntil('it holds three', () => third.relay.held === 3)
})

test('a relay that begins at the head leaves out what was there', async () => {
  await using under = await testOutbox()
  await under.emit('a', 1)
  // The head is the fence: an older transaction of anybody on this server would leave the first event behind it.
  await under.quiet()
  await using running = await testRelay(under, { from: 'head' })
  await under.emit('a', 2)
  await waitUntil('it is published', () => running.publisher.taken.length > 0)
  assert.deepEqual(running.of('a'), [2])
})

test('settings that break their rule stop the relay', async () => {
  await using under = await testOutbox()
  const leases = await openLeases({ pool: under.pool })
  const base = { outbox: under.outbox, leases, publisher: recordingPublisher() }
  for (
    const wrong of [{ name: 'a b' }, { shards: 0 }, { batch: 1.5 }, { attempts: 0 }, {
      behindAfter: 'x' as '1s',
    }]
  )
    assert.throws(() => openRelay({ ...base, ...wrong }), { code: 'SETTING_INVALID' })
  await leases.close()
})
