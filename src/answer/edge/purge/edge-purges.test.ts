import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ManualClock, manualClock, SettingError } from '../../../kernel/index.ts'
import { MetricsRegistry } from '../../../telemetry/index.ts'
import { EdgeKeys } from '../policy/index.ts'
import type { EdgePurger, PurgeLimits, PurgeMode } from './edge-purger.ts'
import { EdgePurges, type EdgePurgesOptions } from './edge-purges.ts'
import { EdgePurgeError } from './errors.ts'
import { memoryPurgeQueue } from './memory-queue.ts'
import type { PurgeQueue } from './purge-queue.ts'

interface FakeEdge extends EdgePurger {
  readonly calls: { readonly keys: readonly string[]; readonly mode: PurgeMode; readonly atMs: number }[]
  /** Thrown by the next calls. */
  readonly failures: unknown[]
}

function fakeEdge (clock: ManualClock, name = 'cdn', limits: Partial<PurgeLimits> = {}): FakeEdge {
  const calls: FakeEdge['calls'] = []
  const failures: unknown[] = []
  return {
    name,
    calls,
    failures,
    limits: {
      keysPerCall: 100,
      bytesPerCall: 8_000,
      callsPerSecond: 1_000,
      burst: 1_000,
      soft: true,
      ...limits,
    },
    async purge (keys, mode) {
      calls.push({ keys, mode, atMs: clock.now() })
      const failure = failures.shift()
      if (failure !== undefined) throw failure
    },
  }
}

interface Setting extends AsyncDisposable {
  readonly clock: ManualClock
  readonly edge: FakeEdge
  readonly queue: PurgeQueue<undefined>
  readonly registry: MetricsRegistry
  readonly purges: EdgePurges<undefined>
  /** Lets time pass in small steps, and what it sets off happen. */
  pass(ms: number): Promise<void>
}

function setting (
  options: Partial<EdgePurgesOptions<undefined>> & { limits?: Partial<PurgeLimits>; clock?: ManualClock } = {}
): Setting {
  const { clock = manualClock() } = options
  const edge = fakeEdge(clock, 'cdn', options.limits)
  const { queue = memoryPurgeQueue({ clock }) } = options
  const registry = new MetricsRegistry()
  const purges = new EdgePurges({
    purgers: [edge],
    queue,
    keys: new EdgeKeys(),
    registry,
    repeat: false,
    clock,
    random: () => 0.5,
    ...options,
  })
  return {
    clock,
    edge,
    queue,
    registry,
    purges,
    async pass (ms) {
      for (let left = ms; left >= 0; left -= 5) {
        for (let i = 0; i < 5; i++) await new Promise(setImmediate)
        clock.advance(Math.min(5, left))
      }
      for (let i = 0; i < 5; i++) await new Promise(setImmediate)
    },
    [Symbol.asyncDispose]: () => purges.close(),
  }
}

/** The numbers of one family's series, by their label values. */
function numbers (registry: MetricsRegistry, name: string): Record<string, readonly number[]> {
  const family = registry.snapshot().families.find((each) => each.name === name)
  assert.ok(family !== undefined, name)
  const { labels, labelValues, values } = family
  const series = labelValues.length / labels.length
  const width = values.length / series
  return Object.fromEntries(Array.from({ length: series }, (_, i) => [
    labelValues.slice(i * labels.length, (i + 1) * labels.length).join(' '),
    Array.from(values.slice(i * width, (i + 1) * width)),
  ]))
}

test('what is enqueued is purged at once, each tag once, by every edge', async () => {
  const clock = manualClock()
  const [one, two] = [fakeEdge(clock, 'one'), fakeEdge(clock, 'two', { soft: false })]
  await using it = setting({ purgers: [one, two] })
  it.purges.start()
  await it.purges.enqueue(undefined, ['a', 'b', 'a'])
  await it.pass(20)
  assert.deepEqual(one.calls.map(({ keys, mode }) => [keys, mode]), [[['a', 'b'], 'soft']])
  assert.deepEqual(two.calls.map(({ keys, mode }) => [keys, mode]), [[['a', 'b'], 'hard']])
  assert.deepEqual(await it.queue.depths(), [])
})

test('a tag that is named twice waits once; a purge whose transaction commits later is seen soon after', async () => {
  const clock = manualClock()
  const queue = memoryPurgeQueue({ clock })
  const { enqueue } = queue
  queue.enqueue = async (tx, purges) => void clock.after(60, () => void enqueue(tx, purges)) // as a commit would
  await using it = setting({ queue, clock })
  await it.purges.enqueue(undefined, ['a', 'b', 'a'])
  clock.advance(60)
  assert.equal((await queue.depths())[0]?.waiting, 2)
  it.purges.start()
  await it.pass(2_000)
  await it.purges.enqueue(undefined, ['c'])
  const before = clock.now()
  await it.pass(200)
  assert.ok(it.edge.calls[1]!.atMs - before < 150, String(it.edge.calls[1]!.atMs - before))
})

test('while no call may be made, nothing is claimed: others may have calls left', async () => {
  await using it = setting({ limits: { callsPerSecond: 0.1, burst: 1 } })
  it.purges.start()
  await it.purges.enqueue(undefined, ['a'])
  await it.pass(50)
  await it.purges.enqueue(undefined, ['b'])
  await it.pass(1_500)
  assert.deepEqual((await it.queue.claim('cdn', 10, 1)).map(({ tag }) => tag), ['b'])
})

test('soft and hard purges of one claim are two calls, the second one when it may be made', async () => {
  await using it = setting({ limits: { callsPerSecond: 1, burst: 1 } })
  await it.purges.enqueue(undefined, ['soft'])
  await it.purges.enqueue(undefined, ['hard'], 'hard')
  it.purges.start()
  await it.pass(1_100)
  const [hard, soft] = it.edge.calls
  assert.deepEqual([hard?.mode, soft?.mode], ['hard', 'soft'])
  assert.ok(soft!.atMs - hard!.atMs >= 990)
})

test('after a success, the next failure is the first one again', async () => {
  const said: number[] = []
  await using it = setting({
    backoff: { baseMs: 10, capMs: 10 },
    onFailure: ({ failures }) => said.push(failures),
  })
  const down = (): EdgePurgeError => new EdgePurgeError('cdn', 'unavailable', { detail: 'down' })
  it.edge.failures.push(down(), down(), undefined, down())
  it.purges.start()
  await it.purges.enqueue(undefined, ['a'])
  await it.pass(100)
  await it.purges.enqueue(undefined, ['b'])
  await it.pass(100)
  assert.deepEqual(said, [1, 2, 1])
})

test('nothing is told before start, nor after close', async () => {
  await using it = setting()
  await it.purges.enqueue(undefined, ['a'])
  await it.pass(2_000)
  assert.equal(it.edge.calls.length, 0)
  it.purges.start()
  await it.pass(10)
  assert.equal(it.edge.calls.length, 1)
  await it.purges.close()
  await it.purges.enqueue(undefined, ['b'])
  await it.pass(5_000)
  assert.equal(it.edge.calls.length, 1)
  assert.equal((await it.queue.depths())[0]?.waiting, 1)
})

test('many tags go in as few calls as the limits allow, and no faster than they allow', async () => {
  await using it = setting({ limits: { keysPerCall: 10, callsPerSecond: 2, burst: 2 } })
  it.purges.start()
  await it.purges.enqueue(undefined, Array.from({ length: 45 }, (_, i) => `t${i}`))
  await it.pass(3_000)
  assert.deepEqual(it.edge.calls.map(({ keys }) => keys.length), [10, 10, 10, 10, 5])
  const at = it.edge.calls.map(({ atMs }) => atMs)
  assert.ok(at[2]! - at[0]! >= 490 && at[4]! - at[0]! >= 1_490, at.join())
})

test('a failed purge is tried again until it is accepted, later each time, and nothing is lost', async () => {
  const said: unknown[] = []
  await using it = setting({
    backoff: { baseMs: 100, capMs: 1_000 },
    onFailure: ({ failures, nextTryMs }) => said.push([failures, nextTryMs]),
  })
  for (let i = 0; i < 6; i++)
    it.edge.failures.push(new EdgePurgeError('cdn', 'unavailable', { detail: 'down' }))
  it.purges.start()
  await it.purges.enqueue(undefined, ['a'])
  await it.pass(5_000)
  assert.deepEqual(said, [[1, 50], [2, 100], [3, 200], [4, 400], [5, 500], [6, 500]])
  assert.equal(it.edge.calls.length, 7)
  assert.deepEqual(await it.queue.depths(), [])
})

test('an edge that says when to come back is left alone until then', async () => {
  await using it = setting({ backoff: { baseMs: 10, capMs: 10 } })
  it.edge.failures.push(
    new EdgePurgeError('cdn', 'limited', { detail: '429', status: 429, retryAfterMs: 3_000 })
  )
  it.purges.start()
  await it.purges.enqueue(undefined, ['a'])
  await it.pass(100)
  await it.purges.enqueue(undefined, ['b'])
  await it.pass(2_800)
  assert.equal(it.edge.calls.length, 1)
  await it.pass(500)
  assert.deepEqual(it.edge.calls.slice(1).flatMap(({ keys }) => keys).toSorted(), ['a', 'b'])
})

test('neither an absurd Retry-After nor a listener that throws ends the purges', async () => {
  await using it = setting({
    backoff: { baseMs: 10, capMs: 10 },
    onFailure: () => {
      throw new Error('the log is full')
    },
  })
  it.edge.failures.push(
    new EdgePurgeError('cdn', 'limited', { detail: '429', status: 429, retryAfterMs: 10 ** 10 }),
    new EdgePurgeError('cdn', 'unavailable', { detail: 'down' })
  )
  it.purges.start()
  await it.purges.enqueue(undefined, ['a'])
  await it.pass(50)
  it.clock.advance(3_600_000)
  await it.pass(200)
  assert.equal(it.edge.calls.length, 3)
})

test('a purge that an edge refuses does not hold up the others', async () => {
  await using it = setting({ limits: { keysPerCall: 1 }, backoff: { baseMs: 10_000, capMs: 60_000 } })
  it.edge.failures.push(new EdgePurgeError('cdn', 'refused', { detail: '400', status: 400 }))
  it.purges.start()
  await it.purges.enqueue(undefined, ['bad', 'good'])
  await it.pass(50)
  assert.deepEqual(it.edge.calls.map(({ keys }) => keys[0]), ['bad', 'good'])
  assert.equal((await it.queue.depths())[0]?.waiting, 1)
})

test("the service's own cache is purged before the edge is told, and where that fails the edge waits too", async () => {
  const order: unknown[] = []
  let fails = true
  await using it = setting({
    backoff: { baseMs: 10, capMs: 10 },
    async before (tags) {
      order.push([...tags, it.edge.calls.length])
      if (fails) throw new Error('the cache is away')
    },
  })
  it.purges.start()
  await it.purges.enqueue(undefined, ['product:7'], 'hard')
  await it.pass(1)
  assert.equal(it.edge.calls.length, 0)
  fails = false
  await it.pass(100)
  assert.equal(it.edge.calls.length, 1)
  assert.deepEqual(order.at(-1), ['product:7', 0])
})

test('a purge is repeated once, for responses that were on their way to the edge', async () => {
  await using it = setting({ repeat: '5s' })
  it.purges.start()
  await it.purges.enqueue(undefined, ['a'])
  await it.pass(4_900)
  assert.equal(it.edge.calls.length, 1)
  await it.pass(40_000)
  assert.equal(it.edge.calls.length, 2)
  assert.equal((await it.queue.claim('cdn', 10, 1)).length, 0)
})

test('a queue that fails is asked again, and the relay lives on', async () => {
  const clock = manualClock()
  const queue = memoryPurgeQueue({ clock })
  const { claim } = queue
  let failures = 0
  queue.claim = async (...given) => {
    if (failures++ < 3) throw new Error('the database is away')
    return await claim(...given)
  }
  await using it = setting({ queue, backoff: { baseMs: 10, capMs: 10 } })
  it.purges.start()
  await it.purges.enqueue(undefined, ['a'])
  await it.pass(200)
  assert.equal(it.edge.calls.length, 1)
})

test('metrics tell what waits and for how long, what became of calls, and how long a purge took', async () => {
  await using it = setting({ backoff: { baseMs: 60_000, capMs: 60_000 } })
  it.edge.failures.push(new EdgePurgeError('cdn', 'limited', { detail: '429' }))
  it.purges.start()
  await it.purges.enqueue(undefined, ['a', 'b'])
  await it.pass(10_010)
  assert.deepEqual(numbers(it.registry, 'plimsoll_edge_purge_queue_length'), { cdn: [2] })
  assert.deepEqual(numbers(it.registry, 'plimsoll_edge_purge_queue_age_seconds')['cdn']?.map(Math.round), [
    10,
  ])
  await it.pass(30_000)
  assert.deepEqual(numbers(it.registry, 'plimsoll_edge_purge_calls_total'), {
    'cdn accepted': [1],
    'cdn limited': [1],
    'cdn unavailable': [0],
    'cdn refused': [0],
  })
  const seconds = numbers(it.registry, 'plimsoll_edge_purge_seconds')['cdn'] ?? []
  assert.equal(seconds.slice(0, -1).reduce((sum, count) => sum + count), 2)
  assert.equal(Math.round(seconds.at(-1) ?? 0), 60, 'two that waited for 30 s')
  assert.deepEqual(numbers(it.registry, 'plimsoll_edge_purge_queue_length'), { cdn: [0] })
})

test('a repetition counts as a call, not as a purge', async () => {
  await using it = setting({ repeat: '1s' })
  it.purges.start()
  await it.purges.enqueue(undefined, ['a'])
  await it.pass(3_000)
  const count = (name: string): number | undefined =>
    numbers(it.registry, name)['cdn']?.slice(0, -1).reduce((sum, each) => sum + each)
  assert.equal(count('plimsoll_edge_purge_seconds'), 1)
  assert.equal(count('plimsoll_edge_purge_call_seconds'), 2)
})

test('wrong options stop the boot; wrong tags are refused', async () => {
  const clock = manualClock()
  assert.throws(() => setting({ purgers: [] }), SettingError)
  assert.throws(() => setting({ purgers: [fakeEdge(clock), fakeEdge(clock)] }), SettingError)
  assert.throws(() => setting({ lease: 1 }), SettingError)
  assert.throws(() => setting({ poll: '1ms' }), SettingError)
  assert.throws(() => setting({ repeat: 0 }), SettingError)
  await using it = setting()
  await assert.rejects(it.purges.enqueue(undefined, [7 as unknown as string]), SettingError)
  await assert.rejects(it.purges.enqueue(undefined, ['a'], 'warm' as PurgeMode), SettingError)
})
