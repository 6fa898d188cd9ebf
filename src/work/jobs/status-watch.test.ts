import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { type ManualClock, manualClock } from '../../kernel/index.ts'
import { StatusWatch } from './status-watch.ts'
import type { JobReceipt, JobState, JobStore } from './store/index.ts'
import { Switchboard } from './wake/index.ts'

const id = '018f0000-0000-7000-8000-000000000000'

interface Bench {
  readonly watch: StatusWatch
  readonly board: Switchboard
  readonly clock: ManualClock
  readonly set: (state: JobState) => void
  readonly looks: () => number
}

function bench (): Bench {
  const clock = manualClock()
  const line = { call () {}, async listen () {}, async close () {}, async [Symbol.asyncDispose] () {} }
  const board = new Switchboard(line)
  let receipt: JobReceipt = {
    id,
    name: 'job',
    tier: 'within-1m',
    tenant: '',
    state: 'waiting',
    attempt: 0,
    enqueuedAtMs: 0,
    changedAtMs: 0,
  }
  let looks = 0
  const store: Partial<JobStore> = {
    async receipt () {
      looks++
      return receipt
    },
  }
  return {
    watch: new StatusWatch(store as JobStore, board, clock),
    board,
    clock,
    set (state) {
      receipt = { ...receipt, state }
    },
    looks: () => looks,
  }
}

test('who waits hears of news at once, and looks only now and then without', async () => {
  const { watch, board, clock, set, looks } = bench()
  const ended = watch.waitFor(id, { timeout: '1h' })
  for (let second = 0; second < 60; second++) {
    clock.advance(1_000)
    await turn()
  }
  assert.ok(looks() <= 40, `${looks()} looks in a minute`)
  set('running')
  board.call({ tiers: [], changed: [id] })
  await turn()
  set('done')
  board.call({ tiers: [], changed: [id] })
  assert.equal((await ended)?.state, 'done')
})

test('news are found by looking, too, when no call comes', async () => {
  const { watch, clock, set } = bench()
  const ended = watch.waitFor(id, { timeout: '1h' })
  await turn()
  set('done')
  clock.advance(100)
  assert.equal((await ended)?.state, 'done')
})

test('a wait ends with its time, its signal, or the queue, and leaves no timer behind', async () => {
  const { watch, clock } = bench()
  const timed = watch.waitFor(id, { timeout: 20 })
  await turn()
  clock.advance(20)
  assert.equal((await timed)?.state, 'waiting')
  const gone = new AbortController()
  const left = watch.waitFor(id, { signal: gone.signal })
  await turn()
  gone.abort()
  assert.equal((await left)?.state, 'waiting')
  const closing = watch.waitFor(id)
  await turn()
  watch.close()
  assert.equal((await closing)?.state, 'waiting')
  assert.equal(clock.pending(), 0)
})

test('what the caller knows already is no news', async () => {
  const { watch, clock, set, board } = bench()
  const known = await watch.status(id)
  const first = watch.waitFor(id, { since: known!, timeout: '1h' })
  await turn()
  set('running')
  board.call({ tiers: [], changed: [id] })
  assert.equal((await first)?.state, 'running')
  assert.equal((await watch.waitFor(id, { since: known!, timeout: '1h' }))?.state, 'running')
  assert.equal(clock.pending(), 0)
})
