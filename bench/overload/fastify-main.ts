// Fastify; with an argument, no more than so many requests in flight: what comes above is answered 503 at once.
import Fastify from 'fastify'
import { listen } from '../floor/listen.ts'
import routes from './routes.ts'

const cap = Number(process.argv[2] ?? Infinity)
const app = Fastify()
if (cap < Infinity) {
  let inFlight = 0
  app.addHook('onRequest', (_request, reply, done) => {
    if (inFlight >= cap) {
      void reply.code(503).header('retry-after', '1').send({ error: 'Service Unavailable' })
      return
    }
    inFlight++
    // `close` comes once, whether the answer was sent or its client has left.
    reply.raw.once('close', () => inFlight--)
    done()
  })
}
await app.register(routes)
await listen(app)
