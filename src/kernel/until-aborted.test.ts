import assert from 'node:assert/strict'
import { test } from 'node:test'
import { untilAborted } from './until-aborted.ts'

test('work is waited for until the signal aborts, with its reason', async () => {
  const stop = new AbortController()
  assert.equal(await untilAborted(Promise.resolve(7), stop.signal), 7)
  await assert.rejects(untilAborted(Promise.reject(new Error('failed')), stop.signal), /failed/)
  const work = Promise.withResolvers<number>()
  const waited = untilAborted(work.promise, stop.signal)
  stop.abort(new Error('enough'))
  await assert.rejects(waited, /enough/)
  await assert.rejects(untilAborted(Promise.resolve(7), stop.signal), /enough/)
  work.reject(new Error('nobody hears this'))
})
