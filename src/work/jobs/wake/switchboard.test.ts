import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Switchboard } from './switchboard.ts'
import type { WakeCall } from './wake-line.ts'

function bench (): { board: Switchboard; called: WakeCall[]; hearOther: (call: WakeCall) => void } {
  const called: WakeCall[] = []
  let hear: (call: WakeCall) => void = () => {}
  const board = new Switchboard({
    call: (call) => called.push(call),
    async listen (listener) {
      hear = listener
    },
    async close () {},
    async [Symbol.asyncDispose] () {},
  })
  return { board, called, hearOther: (call) => hear(call) }
}

test('others are called only where nobody here takes it up', () => {
  const { board, called } = bench()
  board.call({ tiers: ['within-5s'] })
  assert.deepEqual(called.map(({ tiers }) => tiers), [['within-5s']])
  const cancel = board.hear(({ tiers }) => tiers.includes('within-5s'))
  board.hear(() => false)
  board.call({ tiers: ['within-5s', 'within-1m'] })
  board.call({ tiers: ['within-5s'] })
  assert.deepEqual(called.map(({ tiers }) => tiers), [['within-5s'], ['within-1m']])
  cancel()
  board.call({ tiers: ['within-5s'] })
  assert.equal(called.length, 3)
})

test('what concerns single jobs is told to all', () => {
  const { board, called } = bench()
  const heard: WakeCall[] = []
  board.hear((call) => {
    heard.push(call)
    return true
  })
  board.call({ tiers: [], cancelled: ['a'], changed: ['b'] })
  assert.deepEqual(heard, [{ tiers: [], cancelled: ['a'], changed: ['b'] }])
  assert.deepEqual(called, heard)
})

test('what others call is heard here, and goes no further', async () => {
  const { board, called, hearOther } = bench()
  const heard: WakeCall[] = []
  board.hear((call) => void heard.push(call))
  await board.listen()
  hearOther({ tiers: ['within-5s'] })
  assert.deepEqual(heard, [{ tiers: ['within-5s'] }])
  assert.deepEqual(called, [])
})
