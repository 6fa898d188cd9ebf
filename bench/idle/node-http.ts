// Bare node:http that keeps idle connections as long as the other subjects do.
import http from 'node:http'
import type { AddressInfo } from 'node:net'

const server = http.createServer({ keepAliveTimeout: 600_000 }, (_request, response) => {
  const body = JSON.stringify({ ok: true })
  response.writeHead(200, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
  })
  response.end(body)
})
server.listen(0, '127.0.0.1', () => {
  console.log(`listening 127.0.0.1:${(server.address() as AddressInfo).port}`)
})
