import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ManualClock, manualClock, seededRandom } from '../../kernel/index.ts'
import { CoalescingBuffer } from './coalescing-buffer.ts'
import { recordingPool } from './recording-pool.fixture.ts'
import { type WriteBehind, writeBehind, type WriteBehindOptions } from './write-behind.ts'
import type { BufferedWrite } from './write-parts.ts'

type Batch = readonly BufferedWrite<number>[]

interface Subject {
  readonly writes: WriteBehind<number>
  readonly batches: Batch[]
  readonly clock: ManualClock
  /** What `apply` waits for. */
  applying: Promise<void>
}

function subject (options: Partial<WriteBehindOptions<number>> = {}): Subject {
  const clock = manualClock()
  const batches: Batch[] = []
  const made: Subject = {
    batches,
    clock,
    applying: Promise.resolve(),
    writes: writeBehind<number>({
      name: 'test',
      pool: recordingPool().pool,
      durability: 'memory',
      maxDelay: 200,
      clock,
      random: seededRandom(1),
      async apply (_, batch) {
        await made.applying
        batches.push(batch)
      },
      ...options,
    }),
  }
  return made
}

async function settled (): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve()
}

test('writes to one key become one, in the order of the keys, when the oldest has waited for the delay', async () => {
  const { writes, batches, clock } = subject({ merge: (older, newer) => older + newer })
  await writes.write('a', 1)
  clock.advance(150)
  await writes.write('b', 10)
  await writes.write('a', 2)
  assert.equal(writes.waiting, 2)
  clock.advance(49)
  await settled()
  assert.deepEqual(batches, [])
  clock.advance(1)
  await settled()
  assert.deepEqual(batches, [[{ key: 'a', value: 3 }, { key: 'b', value: 10 }]])
  assert.equal(writes.waiting, 0)
  await writes.write('c', 1)
  clock.advance(200)
  await settled()
  assert.equal(batches.length, 2)
})

test('the newer write wins unless it is said how they are merged', async () => {
  const { writes, batches } = subject()
  await writes.write('a', 1)
  await writes.write('a', 2)
  await writes.flush()
  assert.deepEqual(batches, [[{ key: 'a', value: 2 }]])
})

test('a full batch does not wait for the delay', async () => {
  const { writes, batches, clock } = subject({ batch: 2 })
  await writes.write('a', 1)
  await writes.write('b', 1)
  clock.advance(0)
  await settled()
  assert.equal(batches.length, 1)
})

test('a full buffer makes further keys wait, not those that are in it, until there is room or the caller leaves', async () => {
  const on = subject({ batch: 2, buffer: 2 })
  const { promise, resolve } = Promise.withResolvers<void>()
  on.applying = promise
  await on.writes.write('a', 1)
  await on.writes.write('b', 1)
  await on.writes.write('b', 2)
  on.clock.advance(0)
  await settled()
  const abort = new AbortController()
  let accepted = false
  const waiting = on.writes.write('c', 1).then(() => {
    accepted = true
  })
  const leaving = on.writes.write('d', 1, abort.signal)
  await settled()
  assert.equal(accepted, false, 'what is under way takes room: it may come back')
  abort.abort(new Error('no more time'))
  await assert.rejects(leaving, /no more time/)
  resolve()
  await waiting
  await on.writes.flush()
  assert.deepEqual(on.batches.flat().map(({ key }) => key), ['a', 'b', 'c'])
})

test('a batch that failed is applied again, before what came since, merged with it, and is told', async () => {
  const told: string[] = []
  const on = subject({
    merge: (older, newer) => 10 * older + newer,
    onFailed: (error) => told.push(String(error)),
  })
  on.applying = Promise.reject(new Error('the database is away'))
  await on.writes.write('a', 1)
  await on.writes.write('b', 1)
  await assert.rejects(on.writes.flush(), /away/)
  on.applying = Promise.resolve()
  await on.writes.write('c', 3)
  await on.writes.write('a', 2)
  on.clock.advance(10_000)
  await settled()
  assert.deepEqual(on.batches, [[{ key: 'a', value: 12 }, { key: 'b', value: 1 }, { key: 'c', value: 3 }]])
  assert.deepEqual(told, ['Error: the database is away'])
})

test('one batch at a time: the writes to a key are applied in their order', async () => {
  const on = subject({ batch: 1 })
  const { promise, resolve } = Promise.withResolvers<void>()
  on.applying = promise
  await on.writes.write('a', 1)
  on.clock.advance(200)
  await on.writes.write('a', 2)
  const flushed = on.writes.flush()
  on.clock.advance(200)
  await settled()
  resolve()
  await flushed
  assert.deepEqual(on.batches, [[{ key: 'a', value: 1 }], [{ key: 'a', value: 2 }]])
})

test('flushes at the same time apply one batch after the other', async () => {
  let atOnce = 0
  let most = 0
  const { promise, resolve } = Promise.withResolvers<void>()
  const on = subject({
    batch: 1,
    async apply () {
      most = Math.max(most, ++atOnce)
      await promise
      await settled()
      atOnce--
    },
  })
  await on.writes.write('a', 1)
  on.clock.advance(200)
  await settled()
  for (const key of ['b', 'c', 'd']) await on.writes.write(key, 1)
  const flushes = [on.writes.flush(), on.writes.flush(), on.writes.flush()]
  resolve()
  await Promise.all(flushes)
  assert.deepEqual([most, on.writes.waiting], [1, 0])
})

test('what was applied is purged, each tag once, after the commit', async () => {
  const { pool, statements } = recordingPool()
  const on = subject({
    pool,
    tagsOf: (key) => [`product:${key}`, 'list'],
    purge: async (tags) => void statements.push(`purge ${tags}`),
  })
  await on.writes.write('1', 1)
  await on.writes.write('2', 1)
  await on.writes.flush()
  assert.deepEqual(statements, ['begin', 'commit', 'purge product:1,list,product:2'])
})

test('a close applies what waits; later writes are refused; what cannot be applied in time is counted as lost', async () => {
  const on = subject({ closeWithin: 1_000 })
  await on.writes.write('a', 1)
  await on.writes.close()
  assert.equal(on.batches.length, 1)
  await assert.rejects(on.writes.write('b', 1), { code: 'WRITE_BEHIND_CLOSED' })
  const losing = subject({ closeWithin: 0 })
  losing.applying = Promise.reject(new Error('the database is away'))
  await losing.writes.write('a', 1)
  await losing.writes.write('b', 1)
  await assert.rejects(losing.writes.close(), { code: 'WRITES_LOST', lost: 2 })
  assert.equal(losing.clock.pending(), 0)
})

test('options out of their range stop the boot', () => {
  const options = { pool: recordingPool().pool, apply: async () => {} }
  const wrong: [string, Partial<WriteBehindOptions<number>>][] = [
    ['writeBehind.name', { name: 'a b' }],
    ['writeBehind.batch', { batch: 0 }],
    ['writeBehind.buffer', { batch: 10, buffer: 9 }],
    ['writeBehind.durability', { durability: 'disk' as 'log' }],
  ]
  for (const [setting, more] of wrong) {
    assert.throws(() => writeBehind({ name: 'n', durability: 'memory', ...options, ...more }), { setting })
  }
})

test('whatever is taken, put back and added: each key has all its writes, in their order', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('add' as const), key: fc.constantFrom('a', 'b', 'c', 'd') }),
    fc.record({
      kind: fc.constant('take' as const),
      most: fc.integer({ min: 1, max: 3 }),
      fails: fc.boolean(),
    })
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const buffer = new CoalescingBuffer<number[]>((older, newer) => [...older, ...newer])
      const applied = new Map<string, number[]>()
      const expected = new Map<string, number[]>()
      const apply = (taken: ReadonlyMap<string, number[]>): void => {
        for (const [key, value] of taken) applied.set(key, [...applied.get(key) ?? [], ...value])
      }
      for (const [nth, each] of steps.entries()) {
        if (each.kind === 'add') {
          buffer.add(each.key, [nth], nth)
          expected.set(each.key, [...expected.get(each.key) ?? [], nth])
        } else {
          const since = buffer.sinceMs ?? nth
          const taken = buffer.take(each.most)
          assert.ok(taken.size <= each.most)
          if (each.fails) buffer.putBack(taken, since)
          else apply(taken)
        }
        assert.equal(buffer.size === 0, buffer.sinceMs === undefined)
      }
      apply(buffer.take(Number.POSITIVE_INFINITY))
      assert.deepEqual(new Map([...applied].toSorted()), new Map([...expected].toSorted()))
    }),
    { numRuns: 200 }
  )
})
