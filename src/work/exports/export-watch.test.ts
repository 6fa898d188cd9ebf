import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ManualClock, manualClock } from '../../kernel/index.ts'
import { ExportWatch } from './export-watch.ts'

interface Watched {
  readonly watch: ExportWatch
  readonly clock: ManualClock
  /** What the database would say. */
  readonly now: Map<string, { readonly version: number; readonly open: boolean }>
  readonly queries: (readonly string[])[]
}

function watched (): Watched {
  const clock = manualClock()
  const now = new Map([['a', { version: 1, open: true }], ['b', { version: 1, open: true }]])
  const queries: (readonly string[])[] = []
  const versions = async (
    ids: readonly string[]
  ): Promise<{ id: string; version: number; open: boolean }[]> => {
    queries.push(ids)
    return ids.flatMap((id) => now.has(id) ? [{ id, ...now.get(id)! }] : [])
  }
  return { watch: new ExportWatch({ versions }, clock), clock, now, queries }
}

/** Whether a promise has resolved by the time that all that could be done was done. */
async function isOver (promise: Promise<void>): Promise<boolean> {
  let over = false
  void promise.then(() => {
    over = true
  })
  await new Promise((resolve) => setImmediate(resolve))
  return over
}

test('a change in this process is heard of at once', async () => {
  const { watch, clock, now } = watched()
  const waiting = watch.wait('a', 1, 10_000)
  const toTheEnd = watch.wait('a', undefined, 10_000)
  now.set('a', { version: 2, open: true })
  watch.changed('b')
  assert.equal(await isOver(waiting), false)
  watch.changed('a')
  assert.equal(await isOver(waiting), true)
  assert.equal(await isOver(toTheEnd), false)
  now.set('a', { version: 3, open: false })
  watch.changed('a')
  assert.equal(await isOver(toTheEnd), true)
  assert.equal(clock.pending(), 0)
})

test('changes elsewhere are found by one query for all who wait, and none when nobody does', async () => {
  const { watch, clock, now, queries } = watched()
  const waiting = [watch.wait('a', 1, 10_000), watch.wait('a', 1, 10_000), watch.wait('b', 1, 10_000)]
  clock.advance(500)
  assert.equal(await isOver(waiting[0]!), false)
  assert.deepEqual(queries, [['a', 'b']])
  now.delete('a') // it was forgotten
  now.set('b', { version: 2, open: true })
  clock.advance(500)
  for (const one of waiting) assert.equal(await isOver(one), true)
  clock.advance(60_000)
  assert.equal(queries.length, 2)
})

test('a wait ends when its time is up, when its caller leaves, and when all is closed', async () => {
  const { watch, clock } = watched()
  const timed = watch.wait('a', 1, 700)
  const left = new AbortController()
  const leaving = watch.wait('a', 1, 10_000, left.signal)
  const closed = watch.wait('a', 1, 10_000)
  clock.advance(700)
  assert.equal(await isOver(timed), true)
  assert.equal(await isOver(leaving), false)
  left.abort()
  assert.equal(await isOver(leaving), true)
  watch.close()
  assert.equal(await isOver(closed), true)
  assert.equal(clock.pending(), 0)
  assert.equal(await isOver(watch.wait('a', 1, 10_000, left.signal)), true)
  assert.equal(await isOver(watch.wait('a', 1, 0)), true)
})

test('a database that does not answer ends no wait', async () => {
  const clock = manualClock()
  const watch = new ExportWatch({ versions: () => Promise.reject(new Error('gone')) }, clock)
  const waiting = watch.wait('a', 1, 2_000)
  clock.advance(1_000)
  assert.equal(await isOver(waiting), false)
  clock.advance(1_000)
  assert.equal(await isOver(waiting), true)
})

test('a thousand wait at once; who comes then is answered at once', async () => {
  const { watch, clock } = watched()
  const waiting = Array.from({ length: 1_000 }, () => watch.wait('a', 1, 10_000))
  assert.equal(await isOver(waiting.at(-1)!), false)
  assert.equal(await isOver(watch.wait('b', 1, 10_000)), true)
  watch.close()
  await Promise.all(waiting)
  assert.equal(clock.pending(), 0)
})
