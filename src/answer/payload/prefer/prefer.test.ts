import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shapedApp } from '../shaped-app.fixture.ts'
import type { AcceptedWork } from './async-responder.ts'

test('a request that prefers so is handed over: 202, where its answer will be, and no handler', async (t) => {
  const waits: unknown[] = []
  let accepted: AcceptedWork | undefined = {
    location: '/exports/7',
    retryAfterSeconds: 1.2,
    body: { state: 'queued' },
  }
  const app = shapedApp(t, {
    asyncResponder: {
      async accept (_request, waitMs) {
        waits.push(waitMs)
        return accepted
      },
    },
  })
  let runs = 0
  app.get('/heavy', { config: { payload: { respondAsync: true } } }, () => ({ runs: ++runs }))
  app.get('/light', () => ({}))
  const headers = { prefer: 'respond-async, wait=5' }
  const answer = await app.inject({ url: '/heavy', headers })
  assert.equal(answer.statusCode, 202)
  assert.equal(answer.headers['location'], '/exports/7')
  assert.equal(answer.headers['retry-after'], '2')
  assert.equal(answer.headers['preference-applied'], 'respond-async')
  assert.equal(answer.headers['cache-control'], 'no-store')
  assert.deepEqual(answer.json(), { state: 'queued' })
  assert.deepEqual(waits, [5_000])
  assert.equal(runs, 0)

  assert.equal((await app.inject('/heavy')).statusCode, 200)
  assert.equal((await app.inject({ url: '/heavy', headers: { prefer: 'wait=5' } })).statusCode, 200)
  assert.equal((await app.inject({ url: '/light', headers })).statusCode, 200)
  await app.inject({ method: 'HEAD', url: '/heavy', headers })
  assert.equal(waits.length, 1)
  accepted = undefined
  const declined = await app.inject({ url: '/heavy', headers })
  assert.equal(declined.statusCode, 200)
  assert.equal(declined.headers['preference-applied'], undefined)
})

test('where nobody takes requests over, the preference is ignored', async (t) => {
  const app = shapedApp(t)
  app.get('/heavy', { config: { payload: { respondAsync: true } } }, () => ({ now: true }))
  const answer = await app.inject({ url: '/heavy', headers: { prefer: 'respond-async' } })
  assert.deepEqual(answer.json(), { now: true })
})
