import type { FastifyInstance } from 'fastify'

/** Nobody reaches it, and every request is counted against it. */
export const limitPerMinute = 1_000_000_000

/** The route that all Fastify subjects serve; a plain plugin, so `plimsoll serve` takes it as it is. */
export default async function ping (app: FastifyInstance): Promise<void> {
  const response = {
    200: { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'] },
  }
  // Plimsoll counts by it; bare Fastify passes it over, and the plugins have their own.
  const config = { limit: { perMinute: limitPerMinute } }
  app.get('/ping', { schema: { response }, config }, async () => ({ ok: true }))
}
