import { once } from 'node:events'
import { createServer, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What the origin answers next. */
export interface OriginAnswer {
  readonly status?: number
  /** Names and values by turns, or an object. */
  readonly headers: readonly string[] | OutgoingHttpHeaders
  readonly body?: string
}

/** An origin server that counts what reaches it. */
export interface Origin extends AsyncDisposable {
  readonly port: number
  /** Requests so far, in order. */
  readonly requests: readonly IncomingMessage[]
  answer: (request: IncomingMessage) => OriginAnswer | Promise<OriginAnswer>
}

export async function startOrigin (): Promise<Origin> {
  const requests: IncomingMessage[] = []
  const server = createServer(async (request, response) => {
    requests.push(request)
    const { status = 200, headers, body = '' } = await origin.answer(request)
    response.writeHead(status, headers as OutgoingHttpHeaders).end(status === 304 ? undefined : body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin: Origin = {
    port: (server.address() as AddressInfo).port,
    requests,
    answer: () => ({ headers: [] }),
    async [Symbol.asyncDispose] () {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return origin
}
