import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { manualClock } from '../../kernel/index.ts'
import type { MadeResponse } from './cache-request.ts'
import { CachedService, ok } from './cached-service.fixture.ts'
import { MemoryFleet } from './memory-fleet.fixture.ts'
import type { CachePolicy } from './policy.ts'

/** Processes with one shared layer, one clock and one count of runs. */
function fleetOf (count: number, policy: Partial<CachePolicy<never>> = {}): Subject {
  const fleet = new MemoryFleet()
  const clock = manualClock(1_750_000_000_000)
  const subject: Subject = {
    fleet,
    services: [],
    runs: 0,
    make: (run) => ok(`run ${run}`),
    advance: clock.advance,
  }
  for (let at = 0; at < count; at++) {
    subject.services.push(
      new CachedService(
        { tags: ['t'], ...policy as object },
        async () => {
          const run = ++subject.runs
          await nextTurn()
          return subject.make(run)
        },
        { shared: fleet.join(), manual: clock }
      )
    )
  }
  return subject
}

interface Subject {
  readonly fleet: MemoryFleet
  readonly services: CachedService[]
  readonly advance: (ms: number) => void
  runs: number
  make: (run: number) => MadeResponse
}

const bodies = async (
  gets: readonly Promise<{ readonly body: string }>[]
): Promise<string[]> => [...new Set((await Promise.all(gets)).map(({ body }) => body))]

test('of 1,000 misses of one key over 8 processes one runs', async () => {
  const subject = fleetOf(8)
  const gets = Array.from({ length: 1_000 }, (_, at) => subject.services[at % 8]?.get() ?? assert.fail())
  assert.deepEqual(await bodies(gets), ['run 1'])
  assert.equal(subject.runs, 1)
})

test('a process that has nothing in memory takes what another has kept, with its age', async () => {
  const { services, advance, ...subject } = fleetOf(2)
  await services[0]?.get()
  advance(4_000)
  const got = await services[1]?.get()
  assert.deepEqual([got?.body, got?.headers['age'], got?.headers['cache-status']], [
    'run 1',
    '4',
    'plimsoll; hit; ttl=6',
  ])
  const { gets } = subject.fleet
  await services[1]?.get()
  assert.equal(subject.fleet.gets, gets)
})

test('one that has become stale below is served while one process of all makes it anew', async () => {
  const subject = fleetOf(3, { staleWhileRevalidate: '1h' })
  const { services } = subject
  await services[0]?.get()
  subject.advance(11_000)
  assert.deepEqual(await bodies(services.map((service) => service.get())), ['run 1'])
  await Promise.all(services.map((service) => service.settle()))
  assert.equal(subject.runs, 2)
  assert.deepEqual(await bodies(services.map((service) => service.get())), ['run 2'])
})

test('a purge holds for what is kept below, and for what another process is making', async () => {
  const subject = fleetOf(2)
  const [one, other] = subject.services as [CachedService, CachedService]
  await one.get()
  await other.cache.purge(['t'], { soft: false })
  assert.deepEqual(await bodies([one.get(), other.get()]), ['run 2'])
  const slow = Promise.withResolvers<MadeResponse>()
  subject.advance(10_000)
  one.handler = () => slow.promise
  const own = one.get()
  await nextTurn()
  await one.cache.purge(['t'], { soft: false })
  const follower = other.get()
  await nextTurn()
  slow.resolve(ok('read before the purge'))
  assert.equal((await own).body, 'read before the purge')
  assert.equal((await follower).body, 'run 3')
  assert.equal((await one.get()).body, 'run 3')
})

test('when a leader gives up, or its process dies, a follower elsewhere takes over', async () => {
  const subject = fleetOf(2)
  const [one, other] = subject.services as [CachedService, CachedService]
  const lead = await one.lookup()
  assert.ok(lead.kind === 'miss')
  const followers = [other.get(), other.get()]
  await nextTurn()
  lead.abandon()
  assert.deepEqual(await bodies(followers), ['run 1'])
  assert.equal(subject.runs, 1)
  subject.advance(10_000)
  const dying = await one.lookup()
  assert.ok(dying.kind === 'miss')
  const follower = other.get()
  await nextTurn()
  // What the shared cache does when the lease of a dead process runs out.
  await subject.fleet.leads.at(-1)?.abandon()
  assert.equal((await follower).body, 'run 2')
})

test('what may not be kept is made by each process, without waiting for others', async () => {
  const subject = fleetOf(2)
  subject.make = (run) => ok(`run ${run}`, { 'cache-control': 'private' })
  assert.equal((await bodies(subject.services.map((service) => service.get()))).length, 2)
  assert.equal(subject.fleet.values.size, 0)
})

test('a follower whose signal aborts gives up what it would have led', async () => {
  const subject = fleetOf(2)
  const [one, other] = subject.services as [CachedService, CachedService]
  const lead = await one.lookup()
  assert.ok(lead.kind === 'miss')
  const controller = new AbortController()
  const leaving = other.get({ signal: controller.signal })
  await nextTurn()
  lead.abandon()
  controller.abort(new Error('too late'))
  await assert.rejects(leaving, /too late/)
  assert.equal((await other.get()).body, 'run 1')
})

test('who leads after another has landed takes what that one made', async () => {
  const subject = fleetOf(2)
  const [one, other] = subject.services as [CachedService, CachedService]
  subject.fleet.beforeEnter = async () => void await one.get()
  assert.equal((await other.get()).body, 'run 1')
  assert.equal(subject.runs, 1)
})

test('who leads when its own signal has aborted gives that up at once', async () => {
  const subject = fleetOf(2)
  const [one, other] = subject.services as [CachedService, CachedService]
  const controller = new AbortController()
  subject.fleet.beforeEnter = () => controller.abort(new Error('too late'))
  await assert.rejects(one.get({ signal: controller.signal }), /too late/)
  assert.equal((await other.get()).body, 'run 1')
})

test('a value that is cut off, altered, of another key or of another program is a miss', async () => {
  const subject = fleetOf(2)
  const [one, other] = subject.services as [CachedService, CachedService]
  await one.get({ url: '/things/1' })
  await one.get({ url: '/things/2' })
  const [[key, value], [, foreign]] = [...subject.fleet.values] as [
    [string, Uint8Array],
    [string, Uint8Array],
  ]
  const altered = Uint8Array.from(value)
  altered[value.length - 1]! ^= 1
  const wrong = [
    value.subarray(0, value.length - 1),
    altered,
    foreign,
    new Uint8Array(0),
    new TextEncoder().encode('{}'),
  ]
  for (const [at, bytes] of wrong.entries()) {
    subject.fleet.values.set(key, bytes)
    await other.get({ url: '/things/1' })
    assert.equal(subject.runs, 3 + at)
    await other.cache.purge(['t'], { soft: false })
  }
})

test('a value that lies inside a larger piece of memory is kept without that', async () => {
  const subject = fleetOf(2)
  subject.make = () => ok('\u00e4'.repeat(2_000))
  const [one, other] = subject.services as [CachedService, CachedService]
  await one.get()
  for (const [key, value] of subject.fleet.values) {
    const piece = new Uint8Array(1_000_000)
    piece.set(value, 5)
    subject.fleet.values.set(key, piece.subarray(5, 5 + value.length))
  }
  await other.get()
  const found = other.lookup()
  assert.ok(!(found instanceof Promise) && found.kind === 'answer' && Buffer.isBuffer(found.body))
  assert.equal(found.body.buffer.byteLength, 4_000)
})

test('a version that is checked always is checked against what others made, too', async () => {
  let version = 1
  const subject = fleetOf(2, { version: () => version, checkVersion: 'always' })
  const [one, other] = subject.services as [CachedService, CachedService]
  await one.get()
  assert.equal((await other.get()).body, 'run 1')
  version = 2
  assert.equal((await other.get()).body, 'run 2')
  assert.equal((await one.get()).body, 'run 2')
  assert.equal(subject.runs, 2)
})

test('a failure is not shared with other processes; what they keep serves them', async () => {
  const subject = fleetOf(2, { staleIfError: '1h' })
  const [one, other] = subject.services as [CachedService, CachedService]
  await one.get()
  subject.advance(11_000)
  subject.make = () => ({ status: 503, headers: {}, body: '' })
  assert.deepEqual(await bodies([one.get(), other.get()]), ['run 1'])
})

test('a client that wants a new answer gets one that was not kept anywhere', async () => {
  const subject = fleetOf(2, { clientDirectives: 'honour' })
  const [one, other] = subject.services as [CachedService, CachedService]
  await one.get()
  assert.equal((await other.get()).body, 'run 1')
  assert.equal((await other.get({ headers: { 'cache-control': 'no-cache' } })).body, 'run 2')
})
