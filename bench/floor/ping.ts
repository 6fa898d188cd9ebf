import type { FastifyInstance } from 'fastify'

/** The route that all Fastify subjects serve; a plain plugin, so `plimsoll serve` takes it as it is. */
export default async function ping (app: FastifyInstance): Promise<void> {
  const response = {
    200: { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'] },
  }
  app.get('/ping', { schema: { response } }, async () => ({ ok: true }))
}
