import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fetchText, Running } from './running.fixture.ts'

test('it boots, serves from every worker, and SIGTERM ends it with 0', async () => {
  await using running = new Running()
  const origin = await running.origin()
  await running.event('booted')
  assert.equal(running.told('worker-ready').length, 2)
  assert.equal(JSON.parse(await fetchText(origin)).generation, 1)
  running.signal('SIGTERM')
  assert.equal(await running.exited, 0)
  assert.equal(running.told('worker-drained').length, 2)
})

test('a request under way is answered before SIGTERM ends it', async () => {
  await using running = new Running()
  const origin = await running.origin()
  await running.event('booted')
  const answer = fetchText(new URL('/slow', origin))
  await fetchText(origin)
  running.signal('SIGTERM')
  assert.equal(await answer, 'slow')
  assert.equal(await running.exited, 0)
})
