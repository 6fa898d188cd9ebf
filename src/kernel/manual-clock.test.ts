import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sleep, systemClock } from './clock.ts'
import { manualClock } from './manual-clock.ts'

test('timers run in the order of their times, each at its own time', () => {
  const clock = manualClock()
  const seen: string[] = []
  clock.after(20, () => seen.push(`b at ${clock.now()}`))
  clock.after(10, () => seen.push(`a at ${clock.now()}`))
  clock.every(15, () => seen.push(`c at ${clock.now()}`))
  clock.advance(30)
  assert.deepEqual(seen, ['a at 10', 'c at 15', 'b at 20', 'c at 30'])
  assert.equal(clock.now(), 30)
})

test('a timer set while time moves runs in the same move, if it falls due', () => {
  const clock = manualClock()
  const seen: number[] = []
  clock.after(5, () => clock.after(5, () => seen.push(clock.now())))
  clock.advance(10)
  assert.deepEqual(seen, [10])
})

test('a cancelled timer does not run', () => {
  const clock = manualClock()
  let ran = false
  const cancel = clock.after(5, () => {
    ran = true
  })
  cancel()
  clock.advance(10)
  assert.equal(ran, false)
  assert.equal(clock.pending(), 0)
})

test('a step of the wall clock leaves monotonic time alone', () => {
  const clock = manualClock(1_000)
  clock.advance(5)
  clock.stepEpoch(-500)
  assert.deepEqual([clock.now(), clock.epochMs()], [5, 505])
})

test('sleep resolves at its time', async () => {
  const clock = manualClock()
  const slept = sleep(clock, 10).then(() => clock.now())
  clock.advance(10)
  assert.equal(await slept, 10)
})

test('sleep rejects with the reason of its signal, and leaves no timer', async () => {
  const clock = manualClock()
  const controller = new AbortController()
  const slept = sleep(clock, 10, controller.signal)
  controller.abort(new Error('enough'))
  await assert.rejects(slept, /enough/)
  assert.equal(clock.pending(), 0)
  await assert.rejects(sleep(clock, 10, controller.signal), /enough/)
})

test('the system clock calls back once after its time, and keeps no process alive', async () => {
  const before = systemClock.now()
  const keepAlive = setInterval(() => {}, 1_000)
  await new Promise<void>((resolve) => systemClock.after(1, resolve))
  clearInterval(keepAlive)
  assert.ok(systemClock.now() > before)
})
