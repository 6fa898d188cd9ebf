// Fastify with a response schema and nothing else.
import Fastify from 'fastify'
import { listen } from './listen.ts'
import ping from './ping.ts'

const app = Fastify()
await app.register(ping)
await listen(app)
