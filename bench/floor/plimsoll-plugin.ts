// Fastify with `app.register(plimsoll)`: what the plugin does by default, and a tracer.
import Fastify from 'fastify'
import { plimsoll } from '../../src/serve/pipeline/index.ts'
import { type SpanExporter, Tracer } from '../../src/telemetry/index.ts'
import { listen } from './listen.ts'
import ping from './ping.ts'

let spans = 0
const traces = new Set<string>()
const droppingExporter: SpanExporter = {
  async export (batch) {
    spans += batch.length
    for (const { trace } of batch) traces.add(trace.traceId)
  },
  async close () {},
}
const app = Fastify()
app.get('/bench/spans', async () => ({ spans, traces: traces.size }))
await app.register(plimsoll, {
  tracer: new Tracer({ exporter: droppingExporter, sampleRatio: 0.01 }),
  metricsPath: '/metrics',
})
await app.register(ping)
await listen(app)
