import assert from 'node:assert/strict'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { countOf, verifySubject } from './verify.ts'

test('requests of a route are summed over all its series, and no other route counts', () => {
  const text = [
    'http_seconds_count{method="GET",route="/ping",status_code="200"} 7',
    'http_seconds_count{http_route="/ping",status_code="503"} 2 # {trace_id="a"} 1',
    'http_seconds_count{route="/metrics"} 100',
    'http_seconds_sum{route="/ping"} 55',
    'up 1',
  ].join('\n')
  assert.equal(countOf(text, '/ping'), 9)
})

test('a subject that claims request ids and sends none is refused', async () => {
  const server = http.createServer((_request, response) => response.end('{"ok":true}'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
  const subject = { name: 'lazy', command: { argv: [] } }
  try {
    await verifySubject({ ...subject, duties: {} }, address)
    await assert.rejects(verifySubject({ ...subject, duties: { requestIds: true } }, address), /request ids/)
    await assert.rejects(verifySubject({ ...subject, duties: { limits: true } }, address), /tell a limit/)
    await assert.rejects(verifySubject({ ...subject, duties: { problems: true } }, address), /absent/)
    await assert.rejects(verifySubject({ ...subject, duties: { metrics: true } }, address), /metrics count 0/)
  } finally {
    server.closeAllConnections()
    server.close()
  }
})
