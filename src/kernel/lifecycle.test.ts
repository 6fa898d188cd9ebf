import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Lifecycle } from './lifecycle.ts'
import { manualClock } from './manual-clock.ts'

function recordingPart (log: string[], name: string): { name: string; start: () => void; close: () => void } {
  return { name, start: () => void log.push(`start ${name}`), close: () => void log.push(`close ${name}`) }
}

test('parts close in the reverse order of their start', async () => {
  const log: string[] = []
  const lifecycle = new Lifecycle()
  for (const name of ['a', 'b', 'c']) await lifecycle.start(recordingPart(log, name))
  await lifecycle.close()
  assert.deepEqual(log, ['start a', 'start b', 'start c', 'close c', 'close b', 'close a'])
})

test('a part that fails to start closes those before it, and its error is passed on', async () => {
  const log: string[] = []
  const lifecycle = new Lifecycle()
  await lifecycle.start(recordingPart(log, 'a'))
  const failing = lifecycle.start({
    name: 'b',
    start: () => Promise.reject(new Error('no room')),
    close: () => void log.push('close b'),
  })
  await assert.rejects(failing, /no room/)
  assert.deepEqual(log, ['start a', 'close a'])
})

test('a part that fails to close does not keep the others open', async () => {
  const log: string[] = []
  const lifecycle = new Lifecycle()
  await lifecycle.start(recordingPart(log, 'a'))
  await lifecycle.start({ name: 'b', close: () => Promise.reject(new Error('jammed')) })
  await assert.rejects(lifecycle.close(), { code: 'CLOSE_FAILED', message: 'b did not close' })
  assert.deepEqual(log, ['start a', 'close a'])
})

test('a part that never closes is left behind after its time', async () => {
  const clock = manualClock()
  const log: string[] = []
  const lifecycle = new Lifecycle({ clock, closeTimeoutMs: 100 })
  await lifecycle.start(recordingPart(log, 'a'))
  await lifecycle.start({ name: 'b', close: () => new Promise(() => {}) })
  const closing = lifecycle.close()
  clock.advance(100)
  await assert.rejects(closing, { code: 'CLOSE_FAILED' })
  assert.deepEqual(log, ['start a', 'close a'])
})

test('closing twice closes once, and nothing starts afterwards', async () => {
  const log: string[] = []
  const lifecycle = new Lifecycle()
  await lifecycle.start(recordingPart(log, 'a'))
  await Promise.all([lifecycle.close(), lifecycle.close()])
  assert.deepEqual(log, ['start a', 'close a'])
  await assert.rejects(lifecycle.start(recordingPart(log, 'b')), /closing/)
})
