// Fastify with `app.register(plimsoll)`, and nothing set but who calls.
import Fastify from 'fastify'
import { plimsoll } from '../../src/index.ts'
import { listen } from '../floor/listen.ts'
import routes from './routes.ts'

const app = Fastify()
await app.register(plimsoll, {
  tenantOf: (request) => request.headers['x-tenant'] as string | undefined,
})
await app.register(routes)
await listen(app)
