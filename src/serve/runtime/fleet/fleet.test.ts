import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { type ManualClock, manualClock } from '../../../kernel/index.ts'
import type { Settings } from '../../settings/index.ts'
import type { SupervisorEvent } from '../supervisor-event.ts'
import { FakeHost, type FakeWorker, fleetSettings } from './fake-host.fixture.ts'
import { Fleet } from './fleet.ts'

let clock: ManualClock
let host: FakeHost
let events: SupervisorEvent[]
let gaveUp: number

beforeEach(() => {
  clock = manualClock()
  host = new FakeHost()
  events = []
  gaveUp = 0
})

function newFleet (size: number, settings: Settings = fleetSettings()): Fleet {
  const module = new URL('file:///service.ts')
  return new Fleet({
    host,
    module,
    mode: 'serve',
    clock,
    random: () => 0.5,
    report: (event) => events.push(event),
    onGiveUp: () => gaveUp++,
  }, { settings, size })
}

/** A fleet whose first generation is ready: workers 1 to `size`. */
async function booted (size: number, settings?: Settings): Promise<Fleet> {
  const fleet = newFleet(size, settings)
  const boot = fleet.boot()
  host.worker(1).ready()
  for (let id = 2; id <= size; id++) host.worker(id).ready()
  await boot
  return fleet
}

function kinds (...wanted: readonly SupervisorEvent['kind'][]): string[] {
  return events.map(({ kind }) => kind).filter((kind) => wanted.includes(kind as SupervisorEvent['kind']))
}

function last<Kind extends SupervisorEvent['kind']> (kind: Kind): Extract<SupervisorEvent, { kind: Kind }> {
  const found = events.findLast((event) => event.kind === kind)
  assert.ok(found, `no event ${kind}`)
  return found as Extract<SupervisorEvent, { kind: Kind }>
}

const drained = (worker: FakeWorker): void => worker.exit(0)

test('the first worker leads, the others start when it is ready, and then the boot is over', async () => {
  const boot = newFleet(3).boot()
  assert.equal(host.workers.length, 1)
  host.worker(1).ready()
  assert.deepEqual(host.workers.map(({ order }) => order.leads), [true, false, false])
  host.worker(2).ready()
  host.worker(3).ready()
  await boot
  assert.deepEqual(kinds('listening', 'booted'), ['listening', 'booted'])
})

test('a boot without progress for boot.timeout fails, and each progress gives it that time again', async () => {
  const fleet = newFleet(2)
  const boot = assert.rejects(fleet.boot(), { code: 'BOOT_FAILED', message: /no progress for 30000 ms/ })
  clock.advance(29_000)
  host.worker(1).progress('migrating')
  clock.advance(29_000)
  assert.equal(host.worker(1).killed, false)
  clock.advance(1_000)
  assert.equal(host.worker(1).killed, true)
  host.worker(1).exit(null, 'SIGKILL')
  await boot
  assert.equal(host.workers.length, 1)
})

test('a follower that fails during the first boot fails the boot, and the leader is drained', async () => {
  const fleet = newFleet(2)
  const boot = assert.rejects(fleet.boot(), { message: 'no memory' })
  host.worker(1).ready()
  host.worker(2).fail('no memory')
  assert.ok(host.worker(1).isDraining)
  drained(host.worker(1))
  await boot
})

test('a reload drains an old worker when its replacement is ready, and waits for no drain', async () => {
  const fleet = await booted(2)
  const reload = fleet.reload(fleetSettings(), 2, 'test')
  assert.ok(!host.worker(1).isDraining)
  host.worker(3).ready()
  assert.ok(host.worker(1).isDraining)
  assert.ok(!host.worker(2).isDraining)
  host.worker(4).ready()
  assert.equal(await reload, 'done')
  assert.equal(last('worker-draining').reason, 'reload')
  assert.deepEqual(host.worker(1).heard, [{ plimsoll: 'drain', delayMs: 0 }])
})

test('a generation that fails late is rolled back: what it had replaced is replaced again', async () => {
  const fleet = await booted(2)
  const reload = fleet.reload(fleetSettings(), 2, 'test')
  host.worker(3).ready()
  drained(host.worker(1))
  host.worker(4).fail('port taken')
  assert.equal(await reload, 'rolled-back')
  assert.equal(last('reload-rolled-back').error.message, 'port taken')
  assert.equal(fleet.generation.number, 1)
  assert.ok(!host.worker(3).isDraining, 'it serves until the old generation is back')
  host.worker(5).ready()
  assert.ok(host.worker(3).isDraining)
  assert.equal(last('worker-draining').reason, 'rollback')
  assert.deepEqual([host.worker(5).order.generation, host.worker(5).order.slot], [1, 0])
})

test('a worker that dies in a reload is replaced by the new generation, and the reload goes on', async () => {
  const fleet = await booted(2)
  const reload = fleet.reload(fleetSettings(), 2, 'test')
  host.worker(2).exit(null, 'SIGKILL')
  host.worker(3).ready()
  assert.deepEqual(host.workers.slice(2).map(({ order }) => order.slot), [0, 1])
  host.worker(4).ready()
  assert.equal(await reload, 'done')
})

test('a crash is replaced at once, the next ones wait, and a loop is told of', async () => {
  await booted(1)
  host.worker(1).exit(null, 'SIGSEGV')
  assert.equal(host.workers.length, 2)
  host.worker(2).fail('no')
  assert.equal(host.workers.length, 2)
  clock.advance(99)
  assert.equal(host.workers.length, 2)
  clock.advance(1)
  assert.equal(host.workers.length, 3)
  assert.deepEqual(kinds('crash-loop'), [])
  host.worker(3).fail('no')
  assert.deepEqual(last('crash-loop'), { kind: 'crash-loop', crashes: 3, waitMs: 200, givenUp: false })
  clock.advance(200)
  assert.equal(host.workers.length, 4)
})

test('it gives up once, after the crashes that are allowed', async () => {
  const settings = fleetSettings()
  await booted(1, { ...settings, crash: { ...settings.crash, giveUpAfter: 2 } })
  host.worker(1).exit(null, 'SIGSEGV')
  host.worker(2).fail('no')
  assert.equal(gaveUp, 1)
})

test('a worker that is silent for heartbeat.stuckAfter is asked where it is, told of, and killed', async () => {
  await booted(1)
  const frame = { function: 'spin', file: 'file:///service.ts', line: 7, column: 3 }
  host.worker(1).stack = [frame]
  for (let second = 0; second < 5; second++) {
    clock.advance(1_000)
    host.worker(1).beat()
  }
  for (let second = 0; second < 9; second++) clock.advance(1_000)
  assert.deepEqual(kinds('worker-stuck'), [])
  clock.advance(1_000)
  await new Promise(setImmediate)
  assert.deepEqual(last('worker-stuck').stack, [frame])
  assert.equal(last('worker-stuck').silentMs, 10_000)
  host.worker(1).exit(null, 'SIGKILL')
  assert.equal(last('worker-lost').reason, 'stuck')
  assert.equal(host.workers.length, 2)
})

test('what a lost worker held is what its last heartbeat said', async () => {
  await booted(1)
  host.worker(1).beat({ inFlight: 7 })
  clock.advance(400)
  host.worker(1).exit(null, 'SIGKILL')
  const { inFlight, heartbeatAgeMs, reason } = last('worker-lost')
  assert.deepEqual({ inFlight, heartbeatAgeMs, reason }, {
    inFlight: 7,
    heartbeatAgeMs: 400,
    reason: 'crashed',
  })
})

test('rotation replaces one worker at a time, and the second only when the first has gone', async () => {
  const settings = fleetSettings()
  await booted(2, { ...settings, rotate: { ...settings.rotate, requests: 100 } })
  host.worker(1).beat({ requests: 100 })
  host.worker(2).beat({ requests: 120 })
  assert.equal(host.workers.length, 3)
  host.worker(3).ready()
  assert.ok(host.worker(1).isDraining)
  assert.equal(host.workers.length, 3)
  drained(host.worker(1))
  assert.equal(host.worker(4).order.slot, 1)
})

test('stopping tells workers to be not ready for drain.delay, and ends when the last has gone', async () => {
  const fleet = await booted(2)
  let isStopped = false
  const stop = fleet.stop().then(() => {
    isStopped = true
  })
  assert.deepEqual(host.worker(1).heard, [{ plimsoll: 'drain', delayMs: 5_000 }])
  drained(host.worker(1))
  await new Promise(setImmediate)
  assert.equal(isStopped, false)
  drained(host.worker(2))
  await stop
  assert.equal(clock.pending(), 0)
})

test('a worker that does not end in its grace is killed some seconds later', async () => {
  const fleet = await booted(1)
  const stop = fleet.stop()
  clock.advance(5_000 + 30_000 + 9_999)
  assert.equal(host.worker(1).killed, false)
  clock.advance(1)
  assert.equal(host.worker(1).killed, true)
  host.worker(1).exit(null, 'SIGKILL')
  await stop
  assert.equal(last('worker-lost').reason, 'drain-overdue')
})

test('stopping during a reload ends the reload, and abandons what starts', async () => {
  const fleet = await booted(1)
  const reload = fleet.reload(fleetSettings(), 1, 'test')
  const stop = fleet.stop()
  assert.equal(await reload, 'stopped')
  assert.ok(host.worker(2).killed)
  host.worker(2).exit(null, 'SIGKILL')
  drained(host.worker(1))
  await stop
  assert.deepEqual(kinds('reload-rolled-back', 'reload-done'), [])
})

test('stopping while the first worker boots ends at once', async () => {
  const fleet = newFleet(2)
  void fleet.boot()
  const stop = fleet.stop()
  assert.ok(host.worker(1).killed)
  host.worker(1).exit(null, 'SIGKILL')
  await stop
})
