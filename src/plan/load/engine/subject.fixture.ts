import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'

/** A server whose every byte the test decides. */
export interface Subject extends AsyncDisposable {
  /** For a plan. */
  readonly target: string
  /** Connections that were accepted. */
  readonly accepted: () => number
  /** What it was sent. */
  readonly requests: readonly string[]
}

export const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/**
 * Calls `answer` with each request's text (its head; bodies come as they come) and its connection.
 *
 * @param path of a UNIX socket; a port of the loopback when left out
 */
export async function serve (
  answer: (request: string, socket: net.Socket) => void,
  path?: string
): Promise<Subject> {
  const requests: string[] = []
  const sockets = new Set<net.Socket>()
  let accepted = 0
  const server = net.createServer({ noDelay: true }, (socket) => {
    accepted++
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    socket.on('data', (bytes: Buffer) => {
      const request = bytes.toString('latin1')
      requests.push(request)
      answer(request, socket)
    })
  })
  if (path === undefined) server.listen({ port: 0, host: '127.0.0.1', backlog: 511 })
  else server.listen(path)
  await once(server, 'listening')
  return {
    target: path === undefined ?
      `http://127.0.0.1:${(server.address() as AddressInfo).port}` :
      `unix:${path}`,
    accepted: () => accepted,
    requests,
    async [Symbol.asyncDispose] () {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** An address where nobody listens. */
export async function nobody (): Promise<string> {
  const subject = await serve(() => {})
  await subject[Symbol.asyncDispose]()
  return subject.target
}
