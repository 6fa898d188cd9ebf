import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'

export interface SilentServer extends AsyncDisposable {
  readonly port: number
}

/** Takes TCP connections and never says a word. */
export async function silentServer (): Promise<SilentServer> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a TCP address')
  return {
    port: address.port,
    async [Symbol.asyncDispose] () {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
