// Fastify with @fastify/otel and nothing else; its settings are the defaults.
import Fastify from 'fastify'
import { listen } from '../floor/listen.ts'
import ping from '../floor/ping.ts'
import { openTracing } from './tracing.js'

const { plugin, counts } = openTracing()
const app = Fastify()
await app.register(plugin)
app.get('/bench/spans', { config: { otel: false } }, counts)
await app.register(ping)
await listen(app)
