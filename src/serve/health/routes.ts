/// <reference types="@fastify/swagger" />
// The reference above types `schema.hide`, which keeps the probes out of the API description.
import type { FastifyInstance } from 'fastify'
import type { HealthSource } from './report.ts'
import { answerProbe, healthProbes } from './response.ts'

/**
 * A Fastify plugin with `GET /livez`, `/readyz` and `/startupz`; Fastify's own `prefix` moves them:
 * `app.register(healthRoutes(health), { prefix: '/internal' })`. They stand outside of the API description.
 */
export function healthRoutes (source: HealthSource): (app: FastifyInstance) => Promise<void> {
  return async function health (app) {
    for (const probe of healthProbes) {
      app.get(
        probe,
        { schema: { hide: true }, logLevel: 'warn', config: { exempt: true } },
        async (_request, reply) => {
          const { statusCode, headers, body } = await answerProbe(source, probe)
          return reply.code(statusCode).headers(headers).send(body)
        }
      )
    }
  }
}
