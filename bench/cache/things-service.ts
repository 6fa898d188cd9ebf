import type { FastifyInstance } from 'fastify'
import { limitPerMinute } from '../floor/ping.ts'
import { thingJson } from './things.ts'

let runs = 0

/** The route, as a team would declare it; a plain plugin, so `plimsoll serve` takes it as it is. */
export default async function things (app: FastifyInstance): Promise<void> {
  const params = { type: 'object', properties: { id: { type: 'integer', minimum: 1 } }, required: ['id'] }
  app.get<{ Params: { id: number } }>('/things/:id', {
    schema: { params },
    config: { cache: { ttl: '1h', scope: 'public' }, limit: { perMinute: limitPerMinute } },
  }, async (request, reply) => {
    runs++
    return reply.header('content-type', 'application/json; charset=utf-8').send(thingJson(request.params.id))
  })
  app.get('/bench/runs', async () => ({ runs }))
}
