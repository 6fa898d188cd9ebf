import { openListener } from './index.ts'

/* A TLS server in a process of its own: `node tls-server.fixture.ts JSON`. A message holds new ticket keys. */

const { key, cert, ticketKeys } = JSON.parse(process.argv[2] ?? '{}') as Record<string, string>
const listener = openListener({
  addresses: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }],
  tls: { key: key ?? '', cert: cert ?? '', ticketKeys: Buffer.from(ticketKeys ?? '', 'hex') },
})
listener.attach((_request, response) => response.end('served'))
const [bound] = await listener.listen()

process.on('message', (keys: string) => {
  listener.setTicketKeys(Buffer.from(keys, 'hex'))
  process.send?.('done')
})
process.on('disconnect', () => process.exit(0))
process.send?.(bound?.kind === 'tcp' ? bound.port : 0)
