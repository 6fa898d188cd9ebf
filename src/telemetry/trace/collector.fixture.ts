import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Received {
  readonly url: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** What the collector answers; `undefined` for never. */
export type Reply = {
  readonly status: number
  readonly headers?: Record<string, string>
  readonly body?: string
}

/** A real HTTP server in the place of a collector. */
export interface Collector extends AsyncDisposable {
  readonly url: string
  readonly received: Received[]
}

/** @param reply by the number of the request, from 0 */
export async function openCollector (reply: (nth: number) => Reply | undefined): Promise<Collector> {
  const received: Received[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const part of request.setEncoding('utf8')) body += part
    const answer = reply(received.length)
    received.push({ url: request.url, headers: request.headers, body })
    if (answer !== undefined) response.writeHead(answer.status, answer.headers).end(answer.body ?? '{}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    async [Symbol.asyncDispose] () {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
