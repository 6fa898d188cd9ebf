// Watt runs this module in worker threads. It takes over `listen`: the port and SO_REUSEPORT are its own.
import Fastify from 'fastify'
import { readFileSync } from 'node:fs'
import routes from '../../reload/routes.ts'

const { PORT, TLS_KEY, TLS_CERT } = process.env
const app = Fastify(TLS_KEY ? { https: { key: readFileSync(TLS_KEY), cert: readFileSync(TLS_CERT) } } : {})
await app.register(routes)
await app.listen({ host: '127.0.0.1', port: Number(PORT) })

export async function close () {
  await app.close()
}
