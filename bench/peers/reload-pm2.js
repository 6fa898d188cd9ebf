// One worker of a pm2 cluster, stopping as pm2's documentation on graceful reloads asks for.
import Fastify from 'fastify'
import { readFileSync } from 'node:fs'
import routes from '../reload/routes.ts'

const { PORT, TLS_KEY, TLS_CERT } = process.env
const app = Fastify(TLS_KEY ? { https: { key: readFileSync(TLS_KEY), cert: readFileSync(TLS_CERT) } } : {})
await app.register(routes)
await app.listen({ host: '127.0.0.1', port: Number(PORT) })
process.once('SIGINT', async () => {
  await app.close()
  process.exit(0)
})
process.send('ready')
