import type { FastifyInstance } from 'fastify'
import type { AddressInfo } from 'node:net'

/** Listens on a port of the system's choice, and tells the harness. */
export async function listen (app: FastifyInstance): Promise<void> {
  await app.listen({ host: '127.0.0.1', port: 0 })
  console.log(`listening 127.0.0.1:${(app.server.address() as AddressInfo).port}`)
}
