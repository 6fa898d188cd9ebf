import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { type ManualClock, manualClock, uuidv7 } from '../../kernel/index.ts'
import { StatusWatch } from './status-watch.ts'
import type { JobReceipt, JobState, JobStore } from './store/index.ts'
import { Switchboard } from './wake/index.ts'

const id = '018f0000-0000-7000-8000-000000000000'

interface Bench {
  readonly watch: StatusWatch
  readonly board: Switchboard
  readonly clock: ManualClock
  readonly set: (state: JobState) => void
  /** Of each statement, the jobs that it read. */
  readonly looks: (readonly string[])[]
  /** Until further notice the store answers nothing but this. */
  readonly fail: (error: Error | undefined) => void
  /** What the store has read it gives only then. */
  readonly hold: (until: Promise<void>) => void
}

function bench (): Bench {
  const clock = manualClock()
  const line = { call () {}, async listen () {}, async close () {}, async [Symbol.asyncDispose] () {} }
  const board = new Switchboard(line)
  let state: JobState = 'waiting'
  let failure: Error | undefined
  let held: Promise<void> | undefined
  const looks: (readonly string[])[] = []
  const receiptOf = (id: string): JobReceipt => ({
    id,
    name: 'job',
    tier: 'within-1m',
    tenant: '',
    state,
    attempt: 0,
    enqueuedAtMs: 0,
    changedAtMs: 0,
  })
  const store: Partial<JobStore> = {
    receipt: async (id) => receiptOf(id),
    async receipts (ids) {
      looks.push(ids)
      if (failure !== undefined) throw failure
      const receipts = ids.map(receiptOf)
      await held
      return receipts
    },
  }
  return {
    watch: new StatusWatch(store as JobStore, board, clock),
    board,
    clock,
    set (next) {
      state = next
    },
    looks,
    fail (error) {
      failure = error
    },
    hold (until) {
      held = until
    },
  }
}

/** Until all that can be done without a timer is done. */
async function settled (): Promise<void> {
  for (let turns = 0; turns < 5; turns++) await turn()
}

test('who waits hears of news at once, and looks only now and then without', async () => {
  const { watch, board, clock, set, looks } = bench()
  const ended = watch.waitFor(id, { timeout: '1h' })
  for (let second = 0; second < 60; second++) {
    clock.advance(1_000)
    await settled()
  }
  assert.ok(looks.length <= 45, `${looks.length} looks in a minute`)
  set('running')
  board.call({ tiers: [], changed: [id] })
  await settled()
  set('done')
  board.call({ tiers: [], changed: [id] })
  assert.equal((await ended)?.state, 'done')
})

test('news are found by looking, too, when no call comes', async () => {
  const { watch, clock, set } = bench()
  const ended = watch.waitFor(id, { timeout: '1h' })
  await settled()
  set('done')
  clock.advance(100)
  assert.equal((await ended)?.state, 'done')
})

test('a wait ends with its time, its signal, or the queue, and leaves no timer behind', async () => {
  const { watch, clock } = bench()
  const timed = watch.waitFor(id, { timeout: 20 })
  await settled()
  clock.advance(20)
  assert.equal((await timed)?.state, 'waiting')
  const gone = new AbortController()
  const left = watch.waitFor(id, { signal: gone.signal })
  await settled()
  gone.abort()
  assert.equal((await left)?.state, 'waiting')
  const closing = watch.waitFor(id)
  await settled()
  watch.close()
  assert.equal((await closing)?.state, 'waiting')
  assert.equal(clock.pending(), 0)
})

test('what the caller knows already is no news', async () => {
  const { watch, clock, set, board } = bench()
  const known = await watch.status(id)
  const first = watch.waitFor(id, { since: known!, timeout: '1h' })
  await settled()
  set('running')
  board.call({ tiers: [], changed: [id] })
  assert.equal((await first)?.state, 'running')
  assert.equal((await watch.waitFor(id, { since: known!, timeout: '1h' }))?.state, 'running')
  assert.equal(clock.pending(), 0)
})

test('however many wait, the database is asked by one statement at a time, at the same moments for all', async () => {
  const { watch, clock, set, looks } = bench()
  const ids = Array.from({ length: 50 }, () => uuidv7())
  const ended: Promise<unknown>[] = []
  for (const [at, one] of ids.entries()) {
    // They come one after the other, as clients do.
    ended.push(watch.waitFor(one, { timeout: '1h' }), watch.waitFor(one, { timeout: '1h' }))
    if (at % 2 === 0) clock.advance(7)
    await turn()
  }
  for (let ms = 0; ms < 4_800; ms += 25) {
    clock.advance(25)
    await settled()
  }
  looks.length = 0
  for (let ms = 0; ms < 8_000; ms += 25) {
    clock.advance(25)
    await settled()
  }
  assert.equal(looks.length, 5)
  for (const each of looks) assert.equal(new Set(each).size, 50)
  set('done')
  clock.advance(1_600)
  await Promise.all(ended)
  assert.equal(clock.pending(), 0)
})

test('one statement reads a thousand jobs at most, and the rest comes right after it', async () => {
  const { watch, set, looks } = bench()
  set('done')
  await Promise.all(Array.from({ length: 1_500 }, () => watch.waitFor(uuidv7())))
  assert.deepEqual(looks.map(({ length }) => length), [1_000, 500])
})

test('news that come while a look is on its way are looked for again', async () => {
  const { watch, board, clock, set, looks, hold } = bench()
  const { promise, resolve } = Promise.withResolvers<void>()
  hold(promise)
  const ended = watch.waitFor(id, { timeout: '1h' })
  await settled()
  set('done')
  board.call({ tiers: [], changed: [id] })
  resolve()
  assert.equal((await ended)?.state, 'done')
  assert.equal(looks.length, 2)
  assert.equal(clock.pending(), 0)
})

test('a database that is away for a moment ends no wait; one that stays away ends it with its error', async () => {
  const { watch, clock, set, fail } = bench()
  fail(new Error('away'))
  const ended = watch.waitFor(id, { timeout: '1m' })
  const inVain = assert.rejects(watch.waitFor(id, { timeout: 40 }), /away/)
  await settled()
  clock.advance(40)
  await inVain
  fail(undefined)
  set('done')
  clock.advance(60)
  assert.equal((await ended)?.state, 'done')
})

test('a process that stops waits no more: neither those who wait, nor those who come', async () => {
  const { watch, clock } = bench()
  const waiting = watch.waitFor(id, { timeout: '1h' })
  await settled()
  assert.equal(watch.stopping.aborted, false)
  watch.stopWaiting()
  assert.equal((await waiting)?.state, 'waiting')
  assert.equal((await watch.waitFor(id, { timeout: '1h' }))?.state, 'waiting')
  assert.equal(watch.stopping.aborted, true)
  assert.equal(clock.pending(), 0)
})
