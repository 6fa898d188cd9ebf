// Bare Fastify that keeps idle connections as long as the other subjects do.
import Fastify from 'fastify'
import { listen } from '../floor/listen.ts'
import ping from '../floor/ping.ts'

const app = Fastify({ keepAliveTimeout: 600_000 })
await app.register(ping)
await listen(app)
