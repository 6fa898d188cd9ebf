import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '../../kernel/index.ts'
import type { HealthReport } from '../health/index.ts'
import { fleetHealth } from './fleet-health.ts'
import { FakeHost, fleetSettings } from './fleet/fake-host.fixture.ts'
import { Fleet } from './fleet/index.ts'

const passing: HealthReport = { status: 'pass', state: 'ready', checks: {} }
const failing: HealthReport = { status: 'fail', state: 'ready', output: 'postgres is down', checks: {} }

function twoWorkers () {
  const clock = manualClock()
  const host = new FakeHost()
  const fleet = new Fleet({
    host,
    module: new URL('file:///service.ts'),
    mode: 'serve',
    clock,
    report: () => {},
  }, { settings: fleetSettings(), size: 2 })
  const health = fleetHealth(() => fleet)
  return { clock, host, fleet, health, boot: fleet.boot() }
}

test('before there is a fleet it lives, and has neither started nor is it ready', async () => {
  const health = fleetHealth(() => undefined)
  assert.equal((await health.live()).status, 'pass')
  assert.equal((await health.startup()).status, 'fail')
  assert.equal((await health.ready()).state, 'starting')
})

test('it is ready with the first worker, and has started with the last', async () => {
  const { host, health, boot } = twoWorkers()
  host.worker(1).beat({ health: passing })
  host.worker(1).ready()
  assert.equal((await health.ready()).status, 'pass')
  assert.equal((await health.startup()).status, 'fail')
  host.worker(2).ready()
  await boot
  assert.equal((await health.startup()).status, 'pass')
})

test('one worker whose dependencies answer is enough; when none does, it says why', async () => {
  const { host, health } = twoWorkers()
  for (const id of [1, 2]) {
    host.worker(id).beat({ health: failing })
    host.worker(id).ready()
  }
  assert.deepEqual(await health.ready(), failing)
  host.worker(2).beat({ health: passing })
  assert.equal((await health.ready()).status, 'pass')
})

test('a worker too busy to report counts with what it said last', async () => {
  const { clock, host, health } = twoWorkers()
  host.worker(1).beat({ health: passing })
  host.worker(1).ready()
  for (let second = 0; second < 9; second++) clock.advance(1_000)
  assert.equal((await health.ready()).status, 'pass')
})

test('once it stops it is not ready, and lives on', async () => {
  const { host, fleet, health } = twoWorkers()
  host.worker(1).beat({ health: passing })
  host.worker(1).ready()
  void fleet.stop()
  assert.equal((await health.ready()).state, 'draining')
  assert.equal((await health.live()).status, 'pass')
})
