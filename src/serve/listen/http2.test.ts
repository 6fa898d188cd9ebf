import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import * as http2 from 'node:http2'
import { before, test } from 'node:test'
import { connect } from 'node:tls'
import { generate } from 'selfsigned'
import { manualClock } from '../../kernel/index.ts'
import { type FrameClient, frameClient, frameType } from './http2-frames.fixture.ts'
import { type Listening, listening, waitUntil } from './listening.fixture.ts'
import type { ListenOptions } from './options.ts'
import { get, rawClientOn } from './raw-client.fixture.ts'

const timeout = 60_000
let pair: { key: string; cert: string }

before(async () => {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }],
  })
  pair = { key, cert }
})

type Handler = Parameters<typeof listening>[0]

function listeningHttp2 (handler: Handler, options: Partial<ListenOptions> = {}): Promise<Listening> {
  return listening(handler, { tls: pair, http2: true, ...options })
}

function connectHttp2 (port: number): http2.ClientHttp2Session {
  return http2.connect(`https://127.0.0.1:${port}`, { ca: pair.cert, servername: 'localhost' })
}

interface Answer {
  readonly status: number | undefined
  readonly text: string
}

async function answerTo (stream: http2.ClientHttp2Stream): Promise<Answer> {
  let text = ''
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  const [[headers]] = await Promise.all([once(stream, 'response'), once(stream, 'end')])
  return { status: (headers as http2.IncomingHttpHeaders & { ':status'?: number })[':status'], text }
}

test('HTTP/2 and HTTP/1.1 are served at one port, chosen by ALPN', { timeout }, async () => {
  await using server = await listeningHttp2((request, response) => response.end(request.httpVersion))
  const session = connectHttp2(server.port)
  assert.equal((await answerTo(session.request({ ':path': '/' }))).text, '2.0')
  session.close()
  const socket = connect({ port: server.port, host: '127.0.0.1', ca: pair.cert, servername: 'localhost' })
  await using client = rawClientOn(socket)
  client.send(get('/'))
  await client.until((text) => text.endsWith('1.1'))
})

test('a stream in flight finishes during the drain, and an idle session is closed', { timeout }, async () => {
  const asked = Promise.withResolvers<ServerResponse>()
  await using server = await listeningHttp2((_request, response) => asked.resolve(response))
  const [busy, idle] = [connectHttp2(server.port), connectHttp2(server.port)]
  const answer = answerTo(busy.request({ ':path': '/' }))
  const response = await asked.promise
  await waitUntil(() => server.listener.connections() === 2 && !idle.connecting)
  const drained = server.listener.drain({ graceMs: 5_000, idleMs: 1_000 })
  await once(idle, 'close')
  response.end('late')
  assert.equal((await answer).text, 'late')
  assert.equal((await drained).closed, 'all')
})

test('a stream that crosses the GOAWAY is not served, and the client is told so', { timeout }, async () => {
  const held = Promise.withResolvers<ServerResponse>()
  const urls: (string | undefined)[] = []
  await using server = await listeningHttp2((request, response) => {
    urls.push(request.method)
    held.resolve(response)
  })
  await using client = await frameClient(server.port, pair.cert)
  client.open(1, 'GET')
  const response = await held.promise
  const drained = server.listener.drain({ graceMs: 5_000, idleMs: 2_000 })
  client.open(3, 'POST')
  await waitUntil(() => lastStreams(client).length > 0)
  response.end('late')
  await waitUntil(() => isAnswered(client, 1))
  assert.equal((await drained).closed, 'all')
  assert.deepEqual(urls, ['GET'])
  assert.deepEqual([...new Set(lastStreams(client))], [1])
})

test('an idle session serves the streams that are on their way, and says goodbye ahead of their end', {
  timeout,
}, async () => {
  await using server = await listeningHttp2((_request, response) => response.end('served'))
  await using client = await frameClient(server.port, pair.cert)
  await waitUntil(() => has(client, frameType.settings))
  const drained = server.listener.drain({ graceMs: 5_000, idleMs: 4_000 })
  client.socket.cork()
  client.open(1, 'GET')
  client.open(3, 'GET')
  client.socket.uncork()
  await waitUntil(() => isAnswered(client, 1) && isAnswered(client, 3))
  const order = client.frames.map(({ type }) => type)
  assert(order.indexOf(frameType.goaway) < order.indexOf(frameType.data), `order ${order}`)
  assert.equal(lastStreams(client)[0], 3)
  assert.equal((await drained).closed, 'all')
})

test('a silent session gets one GOAWAY after idleMs, and not before', { timeout }, async () => {
  const clock = manualClock()
  await using server = await listeningHttp2((_request, response) => response.end('served'), { clock })
  await using client = await frameClient(server.port, pair.cert)
  await waitUntil(() => has(client, frameType.settings))
  const drained = server.listener.drain({ graceMs: 5_000, idleMs: 2_000 })
  clock.advance(1_999)
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(lastStreams(client), [])
  clock.advance(1)
  await waitUntil(() => lastStreams(client).length > 0)
  assert.equal(lastStreams(client)[0], 0)
  assert.equal((await drained).closed, 'all')
})

test('a stream still open at the end of the grace is cut', { timeout }, async () => {
  const clock = manualClock()
  const asked = Promise.withResolvers<void>()
  await using server = await listeningHttp2(() => asked.resolve(), { clock })
  const session = connectHttp2(server.port)
  session.on('error', () => {})
  const stream = session.request({ ':path': '/' })
  stream.on('error', () => {})
  await asked.promise
  const drained = server.listener.drain({ graceMs: 5_000, idleMs: 100 })
  clock.advance(5_000)
  assert.deepEqual({ ...await drained, durationMs: 0 }, { closed: 'cut', cut: 1, idle: 0, durationMs: 0 })
})

test(
  'a body that does not arrive in time is answered with 408 as a problem document',
  { timeout },
  async () => {
    const clock = manualClock()
    const asked = Promise.withResolvers<void>()
    await using server = await listeningHttp2((request) => {
      request.on('error', () => {}).resume()
      asked.resolve()
    }, { clock, limits: { headersTimeoutMs: 500, requestTimeoutMs: 1_000 } })
    const session = connectHttp2(server.port)
    const stream = session.request({ ':method': 'POST', ':path': '/' }, { endStream: false })
    stream.write('some')
    const answer = answerTo(stream)
    await asked.promise
    clock.advance(1_000)
    const { status, text } = await answer
    assert.equal(status, 408)
    assert.equal((JSON.parse(text) as { code: string }).code, 'REQUEST_TIMEOUT')
    session.destroy()
  }
)

test('a body that arrives in time leaves no timer behind', { timeout }, async () => {
  const clock = manualClock()
  await using server = await listeningHttp2((request, response) => {
    request.on('end', () => response.end('served')).resume()
  }, { clock })
  const session = connectHttp2(server.port)
  const stream = session.request({ ':method': 'POST', ':path': '/' })
  stream.end('body')
  assert.equal((await answerTo(stream)).text, 'served')
  await waitUntil(() => clock.pending() === 0)
  session.destroy()
})

test('headers over the limit are refused on HTTP/2 too', { timeout }, async () => {
  await using server = await listeningHttp2((_request, response) => response.end('served'), {
    limits: { headerSize: 2_048 },
  })
  const session = connectHttp2(server.port)
  session.on('error', () => {})
  await once(session, 'remoteSettings')
  const stream = session.request({ ':path': '/', 'x-long': 'x'.repeat(8_000) })
  await assert.rejects(answerTo(stream), { code: 'ERR_HTTP2_STREAM_ERROR' })
  session.destroy()
})

function has (client: FrameClient, wanted: number): boolean {
  return client.frames.some(({ type }) => type === wanted)
}

function isAnswered (client: FrameClient, wanted: number): boolean {
  return client.frames.some(({ type, stream }) => type === frameType.data && stream === wanted)
}

/** What each GOAWAY so far named as the last stream. */
function lastStreams (client: FrameClient): number[] {
  const goaways = client.frames.filter(({ type }) => type === frameType.goaway)
  return goaways.map(({ payload }) => payload.readUInt32BE(0))
}
