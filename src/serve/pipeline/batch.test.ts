import Fastify from 'fastify'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { batch } from '../../answer/batch/index.ts'
import { plimsoll } from './plugin.ts'

test('parts have the lane and the deadline of their batch, and each spends its own limit', async () => {
  const app = Fastify()
  await app.register(plimsoll, { admission: false, trusted: ['10.0.0.1'] })
  await app.register(batch, { config: { deadline: '5s', criticality: 'critical' } } as never)
  app.get('/look/:id', { config: { deadline: '30s', limit: { perMinute: 2 } } }, async ({ context }) => ({
    criticality: context.criticality,
    withinMs: context.deadline.remainingMs(),
  }))
  const part = (id: number): object => ({ id: String(id), method: 'GET', path: `/look/${id}` })
  const answer = await app.inject({
    method: 'POST',
    url: '/batch',
    remoteAddress: '192.0.2.7',
    payload: { requests: [part(1), part(2), part(3)] },
  })
  assert.equal(answer.statusCode, 200)
  const { responses } = answer.json() as { responses: { status: number; body: Record<string, unknown> }[] }
  assert.deepEqual(responses.map(({ status }) => status).toSorted(), [200, 200, 429])
  const first = responses.find(({ status }) => status === 200)
  assert.equal(first?.body['criticality'], 'critical')
  assert.ok(Number(first?.body['withinMs']) <= 5_000, String(first?.body['withinMs']))
})
