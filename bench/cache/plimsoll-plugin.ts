// Fastify with `app.register(plimsoll)`: what the plugin does by default, and a tracer.
import Fastify from 'fastify'
import { plimsoll } from '../../src/serve/pipeline/index.ts'
import { type SpanExporter, Tracer } from '../../src/telemetry/index.ts'
import { listen } from '../floor/listen.ts'
import things from './things-service.ts'

const droppingExporter: SpanExporter = { async export () {}, async close () {} }
const app = Fastify()
await app.register(plimsoll, {
  tracer: new Tracer({ exporter: droppingExporter, sampleRatio: 0.01 }),
  metricsPath: '/metrics',
})
await app.register(things)
await listen(app)
