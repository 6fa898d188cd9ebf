import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as settled } from 'node:timers/promises'
import { manualClock } from '../../kernel/index.ts'
import { comparePositions, type LogPosition } from '../events/index.ts'
import { Pulse } from './pulse.ts'

const at = (n: number): LogPosition => ({ epoch: 1, xid: BigInt(n), position: 0n })
const never = new AbortController().signal

function pulseAt (): {
  pulse: Pulse
  looks: number[]
  errors: unknown[]
  state: { end: number; fails: boolean }
  pass(ms: number): Promise<void>
} {
  const clock = manualClock()
  const looks: number[] = []
  const errors: unknown[] = []
  const state = { end: 0, fails: false }
  const pulse = new Pulse({
    async look (since) {
      looks.push(clock.now())
      if (state.fails) throw new Error('gone')
      return comparePositions(since, at(state.end)) < 0
    },
    busyMs: 10,
    idleMs: 100,
    clock,
    onError: (error) => errors.push(error),
  })
  async function pass (ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed++) {
      clock.advance(1)
      await settled()
    }
  }
  return { pulse, looks, errors, state, pass }
}

test('nobody looks while nobody waits', async () => {
  const { pulse, looks, pass } = pulseAt()
  pulse.hint()
  await pass(500)
  assert.deepEqual(looks, [])
})

test('all who wait share one look, and are woken by news', async () => {
  const { pulse, looks, state, pass } = pulseAt()
  const waits = [pulse.wait(at(5), 1_000, never), pulse.wait(at(7), 1_000, never)]
  await pass(10)
  assert.deepEqual(looks, [10])
  state.end = 6
  await pass(20)
  assert.deepEqual(await Promise.all(waits), [true, true])
  await pass(500)
  assert.deepEqual(looks, [10, 25])
})

test('looks become rare while nothing happens, up to the longest pause, and frequent after news', async () => {
  const { pulse, looks, state, pass } = pulseAt()
  void pulse.wait(at(5), 10_000, never)
  await pass(1_000)
  const pauses = looks.map((ms, index) => Math.round(ms - (looks[index - 1] ?? 0)))
  assert.deepEqual(pauses.slice(0, 4), [10, 15, 23, 34])
  assert.deepEqual(pauses.slice(-3), [100, 100, 100])
  state.end = 9
  await pass(100)
  looks.length = 0
  const woken = pulse.wait(at(5), 10_000, never)
  await pass(10)
  assert.equal(looks.length, 1)
  assert.equal(await woken, true)
})

test('what this process has just written is looked for at once', async () => {
  const { pulse, looks, state, pass } = pulseAt()
  const woken = pulse.wait(at(5), 10_000, never)
  await pass(950)
  looks.length = 0
  state.end = 9
  pulse.hint()
  await pass(2)
  assert.equal(looks.length, 1)
  assert.equal(await woken, true)
})

test('a wait ends without news after its time, by its signal and when the pulse is closed', async () => {
  const { pulse, looks, pass } = pulseAt()
  const stop = new AbortController()
  const timed = pulse.wait(at(5), 50, never)
  const stopped = pulse.wait(at(5), 10_000, stop.signal)
  const closed = pulse.wait(at(5), 10_000, never)
  await pass(50)
  assert.equal(await timed, false)
  stop.abort()
  assert.equal(await stopped, false)
  pulse.close()
  assert.equal(await closed, false)
  assert.equal(await pulse.wait(at(5), 10, never), false)
  looks.length = 0
  await pass(500)
  assert.deepEqual(looks, [])
})

test('a look that fails is said, and repeated', async () => {
  const { pulse, errors, state, pass } = pulseAt()
  state.fails = true
  const woken = pulse.wait(at(5), 10_000, never)
  await pass(30)
  assert.equal(errors.length, 2)
  state.fails = false
  state.end = 9
  await pass(50)
  assert.equal(await woken, true)
})
