import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/*
 * What node:http keeps on a connection and offers no other way to ask: which response is being written and
 * which request was read last. Read only while draining and on errors. Node has kept both properties since
 * its first releases; http-socket.test.ts fails on the release that does not.
 */
interface HttpSocket extends Socket {
  readonly _httpMessage?: ServerResponse | null
  readonly parser?: { readonly incoming?: IncomingMessage | null } | null
}

/** The response whose turn it is on an HTTP/1 connection, from its request's headers to its last byte. */
export function currentResponse (socket: Socket): ServerResponse | undefined {
  return (socket as HttpSocket)._httpMessage ?? undefined
}

/** As {@link currentResponse}, unless requests that were pipelined behind it wait for their turn. */
export function onlyResponse (socket: Socket): ServerResponse | undefined {
  const response = currentResponse(socket)
  return response !== undefined && (socket as HttpSocket).parser?.incoming === response.req ?
    response :
    undefined
}

/** Whether the connection has left HTTP, for WebSocket say. */
export function isUpgraded (socket: Socket): boolean {
  return (socket as HttpSocket).parser == null
}
