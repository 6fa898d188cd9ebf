import Fastify, { type FastifyInstance } from 'fastify'
import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import type { ProblemDocument } from '../../kernel/index.ts'
import { answerEarly } from './answer-early.ts'
import type { RequestUnit } from './request-unit.ts'
import { linesOn, sendWhole } from './whole-answer.ts'

/** Sends one request on a connection of its own. @returns all that came back, as Latin-1 */
async function answerTo (app: FastifyInstance, method: string): Promise<string> {
  await app.listen({ host: '127.0.0.1', port: 0 })
  const address = app.server.address()
  assert.ok(typeof address === 'object' && address !== null)
  const socket = connect(address.port, '127.0.0.1')
  socket.write(`${method} / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`)
  let text = ''
  for await (const chunk of socket.setEncoding('latin1')) text += String(chunk)
  await app.close()
  return text
}

for (const body of ['text', Buffer.from('bytes')]) {
  test(`head and body of ${String(body)} are handed to the connection, and arrive, as they are`, async () => {
    const app = Fastify({ exposeHeadRoutes: false })
    app.addHook('onRequest', (_request, reply, _next) => {
      reply.hijack()
      sendWhole(reply, 200, `a: b\r\n${linesOn(reply)}`, body.length, body)
    })
    app.get('/', async () => 'never')
    const text = await answerTo(app, 'GET')
    assert.match(text, new RegExp(`^HTTP/1.1 200 OK\r\na: b\r\ncontent-length: ${body.length}\r\n`))
    assert.ok(text.endsWith(`\r\n\r\n${String(body)}`))
  })
}

test('an answer of text is one write, which waits in no buffer for others', async () => {
  const app = Fastify()
  const seen: unknown[] = []
  app.server.on('connection', (socket: Socket) => {
    const { write } = socket
    socket.write = function (this: Socket, chunk: string, ...rest: never[]) {
      seen.push([chunk.slice(-8), socket.writableCorked])
      return Reflect.apply(write, this, [chunk, ...rest]) as boolean
    } as typeof write
  })
  app.addHook('onRequest', (_request, reply, _next) => {
    reply.hijack()
    assert.equal(sendWhole(reply, 200, 'a: b\r\n', 4, 'text'), true)
  })
  app.get('/', async () => 'never')
  await answerTo(app, 'GET')
  assert.deepEqual(seen, [['\r\n\r\ntext', 0]])
})

test('a HEAD gets the head of the answer, and nothing behind it', async () => {
  const app = Fastify()
  app.addHook('onRequest', (_request, reply, _next) => {
    reply.hijack()
    sendWhole(reply, 200, '', 4, 'text')
  })
  app.get('/', async () => 'never')
  const text = await answerTo(app, 'HEAD')
  assert.match(text, /content-length: 4\r\n/)
  assert.ok(text.endsWith('\r\n\r\n'))
})

test('the length of a problem is that of its bytes, in whatever script it is written', async () => {
  const document: ProblemDocument = {
    type: 'urn:x',
    title: 'Größe',
    status: 422,
    code: 'X',
    detail: '大きさ',
  }
  const app = Fastify()
  app.addHook('onRequest', (_request, reply, _next) => {
    const unit = { reply, ownLines: '', id: 'i', trace: { traceId: 't' } }
    answerEarly(unit as unknown as RequestUnit, document)
  })
  app.get('/', async () => 'never')
  const text = await answerTo(app, 'GET')
  const [head, body] = text.split('\r\n\r\n') as [string, string]
  assert.equal(Number(/content-length: (\d+)/.exec(head)?.[1]), body.length)
  assert.deepEqual(JSON.parse(Buffer.from(body, 'latin1').toString()), {
    ...document,
    instance: 'urn:request:i',
    request_id: 'i',
    trace_id: 't',
  })
})
