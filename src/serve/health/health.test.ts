import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock, SettingError } from '../../kernel/index.ts'
import { Health, type HealthChange, sayChange } from './index.ts'

/** A check that ends when the test says so, and counts how often it was started. */
function heldCheck (): { run: () => Promise<void>; started: () => number; end: (error?: Error) => void } {
  const waiting: PromiseWithResolvers<void>[] = []
  let count = 0
  return {
    run () {
      count += 1
      const held = Promise.withResolvers<void>()
      waiting.push(held)
      return held.promise
    },
    started: () => count,
    end (error) {
      for (const held of waiting.splice(0)) {
        if (error === undefined) held.resolve()
        else held.reject(error)
      }
    },
  }
}

function startedHealth (...[options]: ConstructorParameters<typeof Health>): Health {
  const health = new Health(options)
  health.started()
  return health
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('each probe has its own meaning while starting, ready and draining', async () => {
  const health = new Health({ clock: manualClock() })
  const statuses = async (): Promise<string[]> => [
    health.live().status,
    health.startup().status,
    (await health.ready()).status,
  ]
  assert.deepEqual(await statuses(), ['pass', 'fail', 'fail'])
  health.started()
  assert.deepEqual(await statuses(), ['pass', 'pass', 'pass'])
  health.drain()
  assert.deepEqual(await statuses(), ['pass', 'pass', 'fail'])
})

test('a process that drains before it has started says draining, and starting does not undo it', async () => {
  const health = new Health({ clock: manualClock() })
  health.drain()
  health.started()
  assert.equal((await health.ready()).state, 'draining')
})

test('live and startup never ask a dependency', async () => {
  const health = startedHealth({ clock: manualClock() })
  const check = heldCheck()
  health.addCheck({ name: 'postgres', run: check.run })
  health.live()
  health.startup()
  assert.equal(check.started(), 0)
})

test('readiness tells draining from a dependency that fails', async () => {
  const health = startedHealth({ clock: manualClock() })
  health.addCheck({
    name: 'postgres',
    run: () => Promise.reject(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })),
  })
  const failing = await health.ready()
  assert.equal(failing.status, 'fail')
  assert.equal(failing.state, 'ready')
  assert.equal(failing.checks['postgres']?.status, 'fail')
  assert.equal(failing.checks['postgres']?.code, 'ECONNREFUSED')
  assert.equal(failing.output, 'postgres cannot be used')
  health.drain()
  const draining = await health.ready()
  assert.equal(draining.state, 'draining')
  assert.deepEqual(draining.checks, {})
})

test('draining that begins while checks run is what readiness answers', async () => {
  const health = startedHealth({ clock: manualClock() })
  const check = heldCheck()
  health.addCheck({ name: 'postgres', run: check.run })
  const answer = health.ready()
  health.drain()
  check.end()
  assert.equal((await answer).state, 'draining')
})

test("the message of a check's error is not shown, nor a code that is not one", async () => {
  const health = startedHealth({ clock: manualClock() })
  const error = Object.assign(new Error('postgres://shop:hunter2@db:5432'), { code: 'password is hunter2' })
  health.addCheck({ name: 'postgres', run: () => Promise.reject(error) })
  const report = await health.ready()
  assert.equal(report.checks['postgres']?.code, 'CHECK_FAILED')
  assert.doesNotMatch(JSON.stringify(report), /hunter2/)
})

test('an optional dependency that fails is a warning', async () => {
  const health = startedHealth({ clock: manualClock() })
  health.addCheck({
    name: 'redis',
    required: false,
    run () {
      throw new Error('thrown, not rejected')
    },
  })
  health.addCheck({ name: 'postgres', run () {} })
  const report = await health.ready()
  assert.equal(report.status, 'warn')
  assert.equal(report.checks['redis']?.status, 'warn')
  assert.equal(report.checks['postgres']?.status, 'pass')
})

test('a required failure outweighs a warning', async () => {
  const health = startedHealth({ clock: manualClock() })
  health.addCheck({ name: 'redis', required: false, run: () => Promise.reject(new Error('down')) })
  health.addCheck({ name: 'postgres', run: () => Promise.reject(new Error('down')) })
  assert.equal((await health.ready()).status, 'fail')
})

test('a thousand simultaneous probes run a check once', async () => {
  const health = startedHealth({ clock: manualClock(), ttlMs: 0 })
  const check = heldCheck()
  health.addCheck({ name: 'postgres', run: check.run })
  const probes = Array.from({ length: 1_000 }, () => health.ready())
  check.end()
  const statuses = new Set((await Promise.all(probes)).map(({ status }) => status))
  assert.deepEqual([...statuses], ['pass'])
  assert.equal(check.started(), 1)
})

test('a result is kept for its time to live, and not longer', async () => {
  const clock = manualClock()
  const health = startedHealth({ clock, ttlMs: 1_000 })
  let runs = 0
  health.addCheck({ name: 'postgres', run: () => void (runs += 1) })
  await health.ready()
  assert.equal(clock.pending(), 0, 'the timeout of a check that ended is still set')
  clock.advance(999)
  await health.ready()
  assert.equal(runs, 1)
  clock.advance(1)
  await health.ready()
  assert.equal(runs, 2)
})

test('a check that hangs fails at its timeout, with the signal aborted', async () => {
  const clock = manualClock()
  const health = startedHealth({ clock, timeoutMs: 2_000 })
  let signal: AbortSignal | undefined
  health.addCheck({
    name: 'postgres',
    run (given) {
      signal = given
      return new Promise(() => {})
    },
  })
  const answer = health.ready()
  clock.advance(1_999)
  assert.equal(signal?.aborted, false)
  clock.advance(1)
  const { postgres } = (await answer).checks
  assert.equal(postgres?.status, 'fail')
  assert.equal(postgres?.code, 'CHECK_TIMEOUT')
  assert.equal(postgres?.output, 'postgres did not answer within 2000 ms')
  assert.equal(postgres?.durationMs, 2_000)
  assert.equal(signal?.aborted, true)
})

test('a check that hangs is not started again while it still runs, and is once it has ended', async () => {
  const clock = manualClock()
  const health = startedHealth({ clock, timeoutMs: 2_000, ttlMs: 1_000 })
  const check = heldCheck()
  health.addCheck({ name: 'postgres', run: check.run })
  const first = health.ready()
  clock.advance(2_000)
  assert.equal((await first).status, 'fail')
  clock.advance(60_000)
  assert.equal((await health.ready()).checks['postgres']?.code, 'CHECK_TIMEOUT')
  assert.equal(check.started(), 1)

  check.end(new Error('at last'))
  await settled()
  const second = health.ready()
  check.end()
  assert.equal((await second).status, 'pass')
  assert.equal(check.started(), 2)
})

test('a dependency that hangs does not keep the others from answering', async () => {
  const clock = manualClock()
  const health = startedHealth({ clock, timeoutMs: 2_000 })
  health.addCheck({ name: 'postgres', run: () => new Promise(() => {}) })
  health.addCheck({ name: 'redis', run () {} })
  const answer = health.ready()
  await settled()
  clock.advance(2_000)
  const { checks } = await answer
  assert.equal(checks['postgres']?.status, 'fail')
  assert.equal(checks['redis']?.status, 'pass')
})

test('changes are told once each, with the error that a probe never shows', async () => {
  const changes: HealthChange[] = []
  const health = startedHealth({ clock: manualClock(), ttlMs: 0, onChange: (change) => changes.push(change) })
  let error: Error | undefined
  health.addCheck({
    name: 'postgres',
    run () {
      if (error !== undefined) throw error
    },
  })
  await health.ready()
  error = new Error('connection to db.internal refused')
  await health.ready()
  await health.ready()
  error = undefined
  await health.ready()
  await health.ready()
  assert.deepEqual(changes.map(({ name, report }) => `${name} ${report.status}`), [
    'postgres fail',
    'postgres pass',
  ])
  assert.match(String(changes[0]?.error), /connection to db.internal refused/)
})

test('the log is told what has failed, for how long, what comes of it, and that it passes again', async () => {
  const said: string[] = []
  const clock = manualClock()
  const health = startedHealth({ clock, ttlMs: 0, onChange: (change) => said.push(sayChange(change)) })
  const errors: Record<string, Error | undefined> = {}
  for (const [name, required] of [['postgres', true], ['relay', false]] as const) {
    health.addCheck({
      name,
      required,
      run () {
        if (errors[name] !== undefined) throw errors[name]
      },
    })
  }
  await health.ready()
  errors['postgres'] = new Error('connection refused.')
  errors['relay'] = new Error('its broker is away')
  await health.ready()
  clock.advance(90_400)
  errors['relay'] = Object.assign(new Error('its broker is full'), { code: 'FULL' })
  await health.ready()
  errors['postgres'] = undefined
  errors['relay'] = undefined
  clock.advance(20)
  await health.ready()
  const later = 'a line says so when it passes again'
  assert.deepEqual(said, [
    `postgres fails its health check: connection refused. This process takes no new traffic until it passes; ${later}`,
    `relay fails its health check: its broker is away. Requests are answered all the same; ${later}`,
    'relay still fails its health check, for 90s by now, otherwise than before: its broker is full. ' +
    `Requests are answered all the same; ${later}`,
    'postgres passes its health check again, after 90s',
    'relay passes its health check again, after 90s',
  ])
})

test('bad options and names stop the boot', () => {
  assert.throws(() => new Health({ ttlMs: -1 }), SettingError)
  assert.throws(() => new Health({ timeoutMs: 0 }), SettingError)
  const health = new Health()
  health.addCheck({ name: 'postgres', run () {} })
  for (const name of ['', 'a:b', 'postgres']) {
    assert.throws(() => health.addCheck({ name, run () {} }), SettingError)
  }
})
