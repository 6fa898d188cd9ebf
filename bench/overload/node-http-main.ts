// Bare node:http; with an argument, no more than so many connections (`server.maxConnections`).
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Kind, kinds, Work } from './work.ts'

const work = new Work()
const paths = new Map<string | undefined, Kind>(kinds.map((kind) => [`/${kind}`, kind]))
const server = createServer((request, response) => {
  const kind = paths.get(request.url)
  if (kind === undefined) return send(response, 404, '{"error":"Not Found"}')
  work.run(kind).then(
    (answer) => send(response, 200, JSON.stringify(answer)),
    () => send(response, 500, '{"error":"Internal Server Error"}')
  )
})
const most = process.argv[2]
if (most !== undefined) server.maxConnections = Number(most)
server.listen(0, '127.0.0.1', () => {
  console.log(`listening 127.0.0.1:${(server.address() as AddressInfo).port}`)
})

function send (response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': body.length,
  })
  response.end(body)
}
