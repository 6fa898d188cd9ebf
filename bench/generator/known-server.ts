// A server whose delays are known. `fixed`: each answer after 100 ms. `stall`: at once, but from the second
// second after the first request on it stands still for one second.
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { systemClock } from '../../src/kernel/index.ts'

const mode = process.argv[2]
let firstMs: number | undefined

const server = http.createServer((request, response) => {
  if (request.url === '/reset') {
    firstMs = undefined
    return void response.end()
  }
  const nowMs = systemClock.now()
  firstMs ??= nowMs
  const sinceMs = nowMs - firstMs
  const waitMs = mode === 'fixed' ? 100 : sinceMs >= 1_000 && sinceMs < 2_000 ? 2_000 - sinceMs : 0
  if (waitMs === 0) response.end('ok')
  else systemClock.after(waitMs, () => response.end('ok'))
})
server.listen(0, '127.0.0.1', () => {
  console.log(`listening 127.0.0.1:${(server.address() as AddressInfo).port}`)
})
