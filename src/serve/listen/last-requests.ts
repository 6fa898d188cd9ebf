import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { HttpServer } from './create-server.ts'
import { onlyResponse } from './http-socket.ts'

/**
 * Makes each HTTP/1 response of a draining server say `Connection: close`. Nothing of it exists before the
 * drain begins.
 *
 * HTTP/2 requests wait for the GOAWAY that their session sends (see OpenSession), so that it goes first.
 *
 * Of HTTP/1 requests pipelined in one piece only the last response says so: node closes the connection after the
 * one that does, and with it would go the answers behind it.
 */
export class LastRequests {
  readonly #newest: WeakMap<Socket, ServerResponse> = new WeakMap()
  readonly #bytesAtRest: WeakMap<Socket, number> = new WeakMap()

  install (server: HttpServer): void {
    this.#installOn(server, 'request')
    this.#installOn(server, 'checkContinue')
  }

  /** Marks the response in flight, if it can still say it and is the last one asked for. */
  markCurrent (socket: Socket): void {
    const response = onlyResponse(socket)
    if (response === undefined) {
      this.#bytesAtRest.set(socket, socket.bytesRead)
      return
    }
    this.#newest.set(socket, response)
    this.#mark(socket, response)
  }

  /** Whether a request has begun to arrive of which the headers are not complete. */
  isInside (socket: Socket): boolean {
    return socket.bytesRead > (this.#bytesAtRest.get(socket) ?? 0)
  }

  #installOn (server: HttpServer, event: 'request' | 'checkContinue'): void {
    const handlers = server.listeners(event) as RequestListener[]
    if (handlers.length === 0) return
    server.removeAllListeners(event)
    server.on(event, (request: IncomingMessage, response: ServerResponse) => {
      const { socket } = request
      const handle = (): void => {
        for (const handler of handlers) handler.call(server as never, request, response)
      }
      if (request.httpVersionMajor !== 1) {
        setImmediate(handle) // after the GOAWAY
        return
      }
      if (socket.writableEnded) {
        // It crossed our farewell: nobody would read the answer, so the client must be free to ask again.
        socket.destroy()
        return
      }
      const before = this.#newest.get(socket)
      if (before !== undefined && !before.headersSent) before.shouldKeepAlive = true
      this.#newest.set(socket, response)
      // All requests of one piece are parsed before the next tick: then the last of them is known.
      process.nextTick(() => {
        if (this.#newest.get(socket) === response) this.#mark(socket, response)
        handle()
      })
    })
  }

  #mark (socket: Socket, response: ServerResponse): void {
    if (!response.headersSent) response.shouldKeepAlive = false
    response.once('close', () => this.#bytesAtRest.set(socket, socket.bytesRead))
  }
}
