import cluster from 'node:cluster'
import type { RequestListener } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { openListener } from './index.ts'

/* A worker of reload-primary.fixture.ts: plain HTTP at a port and a UNIX socket, TLS at another port. */

const { RELOAD_KEY: key = '', RELOAD_CERT: cert = '', RELOAD_SOCKET: path = '' } = process.env
const idleMs = Number(process.env['RELOAD_IDLE_MS'])

/** What a client must receive, whole. */
const handler: RequestListener = async (request, response) => {
  if (request.url === '/slow') await delay(200)
  if (request.url !== '/stream') return response.end('served')
  for (let part = 0; part < 10; part++) {
    response.write(`part ${part}\n`)
    await delay(30)
  }
  response.end('end')
}

const tcp = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const
const plain = openListener({ addresses: [tcp, { kind: 'unix', path }], prepared: true })
const tls = openListener({ addresses: [tcp], tls: { key, cert }, http2: true })
plain.attach(handler)
tls.attach(handler)

async function portOf (listener: typeof plain): Promise<number> {
  const [first] = await listener.listen()
  return first?.kind === 'tcp' ? first.port : 0
}

process.on('message', async (message) => {
  if (message !== 'drain') return
  const [ofPlain, ofTls] = await Promise.all([plain, tls].map((listener) => {
    return listener.drain({ graceMs: 20_000, idleMs })
  }))
  process.send?.({ plain: ofPlain, tls: ofTls })
  if (process.env['RELOAD_EXIT'] === 'at-once') process.exit(0)
  // Round robin: connections that the primary has already sent here go back before the channel closes.
  cluster.worker?.disconnect()
})
process.send?.({ plain: await portOf(plain), tls: await portOf(tls) })
