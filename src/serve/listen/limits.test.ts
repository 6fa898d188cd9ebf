import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import { problemMediaType } from '../../kernel/index.ts'
import { listening, waitUntil } from './listening.fixture.ts'
import { get, type RawClient, rawClient, responses } from './raw-client.fixture.ts'

const timeout = 60_000

/** The problem document that ends the connection, and all it must come with. */
async function refusal (client: RawClient, status: number): Promise<Record<string, unknown>> {
  const text = await client.ended()
  const [head = '', body = ''] = text.slice(text.lastIndexOf('HTTP/1.1 ')).split('\r\n\r\n')
  assert.match(head, new RegExp(`^HTTP/1.1 ${status} `))
  assert.match(head, new RegExp(`\r\nContent-Type: ${problemMediaType.replace('+', '\\+')}\r\n`))
  assert.match(head, /\r\nConnection: close(\r\n|$)/)
  const document = JSON.parse(body) as Record<string, unknown>
  assert.equal(document['status'], status)
  return document
}

test('bytes that are not HTTP are answered with 400 as a problem document', { timeout }, async () => {
  await using server = await listening(() => assert.fail('no request'))
  await using client = await rawClient({ port: server.port })
  client.send('this is not HTTP\r\n\r\n')
  assert.deepEqual(await refusal(client, 400), {
    type: 'urn:plimsoll:problem:malformed-request',
    title: 'The request is not valid HTTP',
    status: 400,
    code: 'MALFORMED_REQUEST',
  })
})

test(
  'headers over the limit are answered with 431, even while the client still sends',
  { timeout },
  async () => {
    await using server = await listening(() => assert.fail('no request'), { limits: { headerSize: 2_048 } })
    await using client = await rawClient({ port: server.port })
    client.send(get('/', `X-Long: ${'x'.repeat(1_000_000)}\r\n`))
    assert.equal((await refusal(client, 431))['code'], 'HEADERS_TOO_LARGE')
  }
)

test('headers at the limit are served', { timeout }, async () => {
  await using server = await listening((_request, response) => response.end('served'), {
    limits: { headerSize: 2_048 },
  })
  await using client = await rawClient({ port: server.port })
  client.send(get('/', `X-Long: ${'x'.repeat(1_900)}\r\n`))
  await client.until((text) => text.endsWith('served'))
})

test('chunk extensions without end are answered with 413', { timeout }, async () => {
  await using server = await listening((request) => void request.resume())
  await using client = await rawClient({ port: server.port })
  client.send(
    `POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n1;${'x'.repeat(20_000)}\r\n`
  )
  assert.equal((await refusal(client, 413))['code'], 'CHUNK_EXTENSIONS_TOO_LARGE')
})

test('headers that do not arrive in time are cut off with 408, within a tenth of the limit or so', {
  timeout,
}, async () => {
  await using server = await listening(() => assert.fail('no request'), {
    limits: { headersTimeoutMs: 500, requestTimeoutMs: 5_000 },
  })
  await using client = await rawClient({ port: server.port })
  const start = performance.now()
  client.send('GET / HTTP/1.1\r\nHost: te')
  assert.equal((await refusal(client, 408))['code'], 'REQUEST_TIMEOUT')
  const tookMs = performance.now() - start
  // The upper bound leaves room for a busy machine; without our checking interval it would be 30 s.
  assert(tookMs > 450 && tookMs < 15_000, `took ${tookMs} ms`)
})

test('a body that does not arrive in time is cut off with 408', { timeout }, async () => {
  let aborted = false
  await using server = await listening((request) => {
    request.on('error', () => {
      aborted = true
    }).resume()
  }, { limits: { headersTimeoutMs: 300, requestTimeoutMs: 500 } })
  await using client = await rawClient({ port: server.port })
  client.send('POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n123')
  assert.equal((await refusal(client, 408))['code'], 'REQUEST_TIMEOUT')
  await waitUntil(() => aborted)
})

test(
  'a malformed request behind a good one is refused after the good one is answered',
  { timeout },
  async () => {
    const asked = Promise.withResolvers<ServerResponse>()
    await using server = await listening((_request, response) => asked.resolve(response))
    await using client = await rawClient({ port: server.port })
    client.send(`${get('/')}this is not HTTP\r\n\r\n`)
    const response = await asked.promise
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(client.text(), '')
    response.end('good')
    await refusal(client, 400)
    assert.match(client.text(), /good/)
    assert.equal(responses(client.text()), 2)
  }
)

test('a handler that answers before a malformed body is not answered over', { timeout }, async () => {
  await using server = await listening((_request, response) => void response.write('begun'))
  await using client = await rawClient({ port: server.port })
  client.send('POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n')
  await client.until((text) => text.includes('begun'))
  client.send('nonsense\r\n')
  assert.equal(responses(await client.ended()), 1)
})

test('a client that is gone before its refusal harms nobody', { timeout }, async () => {
  await using server = await listening((_request, response) => response.end('served'))
  for (let round = 0; round < 20; round++) {
    await using client = await rawClient({ port: server.port })
    client.send('nonsense\r\n\r\n')
    client.socket.resetAndDestroy()
  }
  await using client = await rawClient({ port: server.port })
  client.send(get('/'))
  await client.until((text) => text.endsWith('served'))
})

test('a silent keep-alive connection is closed after its time', { timeout }, async () => {
  await using server = await listening((_request, response) => response.end('served'), {
    limits: { keepAliveTimeoutMs: 100 },
  })
  await using client = await rawClient({ port: server.port })
  client.send(get('/'))
  await client.ended()
})

test(
  'the last request that a connection may carry is answered with Connection: close',
  { timeout },
  async () => {
    await using server = await listening((_request, response) => response.end('served'), {
      limits: { requestsPerConnection: 2 },
    })
    await using client = await rawClient({ port: server.port })
    client.send(get('/1'))
    assert.doesNotMatch(await client.until((text) => responses(text) === 1), /Connection: close/)
    client.send(get('/2'))
    await client.until((text) => text.includes('Connection: close'))
  }
)
