import rateLimit from '@fastify/rate-limit'
import underPressure from '@fastify/under-pressure'
import Fastify from 'fastify'
import { randomUUID } from 'node:crypto'
import { collectDefaultMetrics, Histogram, register } from 'prom-client'
import { limitPerMinute } from '../floor/ping.ts'
import { openTracing } from './tracing.js'

/**
 * Fastify with what people add for the same: metrics per route, tracing, request ids, problem documents, a limit,
 * load shedding (the README's figures for the event loop).
 */
export async function fastifyWithPlugins () {
  const { plugin, counts } = openTracing()
  const app = Fastify({ genReqId: () => randomUUID() })
  await app.register(plugin)

  await app.register(rateLimit, { max: limitPerMinute, timeWindow: '1 minute' })
  await app.register(underPressure, { maxEventLoopDelay: 1_000, maxEventLoopUtilization: 0.98 })

  collectDefaultMetrics()
  const durations = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Duration of requests',
    labelNames: ['method', 'route', 'status_code'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  })
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id)
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unmatched'
    durations.observe(
      { method: request.method, route, status_code: reply.statusCode },
      reply.elapsedTime / 1000
    )
    done()
  })
  const sendProblem = (reply, status, title) =>
    reply.code(status).type('application/problem+json').send({ type: 'about:blank', title, status })
  app.setErrorHandler((error, _request, reply) => sendProblem(reply, error.statusCode ?? 500, error.message))
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, 404, 'Not Found'))
  app.get('/metrics', { config: { otel: false } }, (_request, reply) => {
    reply.type(register.contentType)
    return register.metrics()
  })
  app.get('/bench/spans', { config: { otel: false } }, counts)
  return app
}
