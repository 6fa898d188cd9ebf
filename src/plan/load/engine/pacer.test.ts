import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '../../../kernel/index.ts'
import { Pacer } from './pacer.ts'

const loopTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('a precise pacer waits by timer up to 2 ms before the time, and turns without a wait from there', async () => {
  const clock = manualClock()
  const turns: number[] = []
  const pacer = new Pacer(clock, true, () => {
    turns.push(clock.now())
    if (clock.now() < 100) pacer.wake(100, clock.now())
  })
  pacer.wake(100, 0)
  clock.advance(97)
  assert.deepEqual([turns, pacer.spinning], [[], false])
  clock.advance(1)
  assert.deepEqual([turns, pacer.spinning], [[98], true])
  clock.advance(1.5)
  await loopTurn()
  assert.deepEqual([turns, pacer.spinning], [[98, 99.5], true])
  clock.advance(0.5)
  await loopTurn()
  assert.deepEqual([turns, pacer.spinning], [[98, 99.5, 100], false])
})

test('a thrifty pacer never turns without a wait before the time', () => {
  const clock = manualClock()
  const turns: number[] = []
  const pacer = new Pacer(clock, false, () => turns.push(clock.now()))
  pacer.wake(1.4, 0)
  assert.equal(pacer.spinning, false)
  clock.advance(1)
  assert.deepEqual(turns, [1])
})

test('the earliest time that was asked for holds, and a pacer that was stopped calls nobody', () => {
  const clock = manualClock()
  const turns: number[] = []
  const pacer = new Pacer(clock, false, () => turns.push(clock.now()))
  pacer.wake(50, 0)
  pacer.wake(20, 0)
  pacer.wake(80, 0)
  assert.equal(clock.pending(), 1)
  clock.advance(30)
  assert.deepEqual(turns, [20])
  pacer.wake(40, 30)
  pacer.stop()
  pacer.wake(41, 30)
  clock.advance(100)
  assert.deepEqual(turns, [20])
  assert.equal(clock.pending(), 0)
})
