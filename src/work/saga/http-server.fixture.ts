import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface SentRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** `lost`: the connection breaks without an answer; `never`: nothing comes. */
export type ScriptedAnswer = 'lost' | 'never' | {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** A real HTTP server that answers by a script, and keeps what it was sent. */
export interface ScriptedServer extends AsyncDisposable {
  readonly url: string
  readonly requests: SentRequest[]
}

export async function openScriptedServer (
  answer: (request: SentRequest, nth: number) => ScriptedAnswer
): Promise<ScriptedServer> {
  const requests: SentRequest[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const part of request.setEncoding('utf8')) body += part
    const sent = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body }
    requests.push(sent)
    const said = answer(sent, requests.length)
    if (said === 'lost') request.socket.destroy()
    else if (said !== 'never') {
      response.writeHead(said.status, { 'content-type': 'application/json', ...said.headers })
      response.end(JSON.stringify(said.body ?? {}))
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async [Symbol.asyncDispose] () {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
