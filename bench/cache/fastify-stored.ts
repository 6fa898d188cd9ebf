// Fastify with nothing else, and the least that answers at all: stored strings with stored ETags, compared by hand.
import Fastify from 'fastify'
import { createHash } from 'node:crypto'
import { listen } from '../floor/listen.ts'
import { thingCount, thingJson } from './things.ts'

const things = new Map(Array.from({ length: thingCount }, (_, at) => {
  const body = thingJson(at + 1)
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
  return [String(at + 1), { body, etag }] as const
}))

const app = Fastify()
app.get<{ Params: { id: string } }>('/things/:id', async (request, reply) => {
  const thing = things.get(request.params.id)
  if (thing === undefined) return reply.code(404).send()
  reply.header('etag', thing.etag)
  if (request.headers['if-none-match'] === thing.etag) return reply.code(304).send()
  return reply.header('content-type', 'application/json; charset=utf-8').send(thing.body)
})
await listen(app)
