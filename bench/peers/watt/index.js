// Watt runs this module in worker threads that share the port by SO_REUSEPORT.
import Fastify from 'fastify'
import routes from '../../reload/routes.ts'

export async function create () {
  const app = Fastify()
  await app.register(routes)
  return app
}
