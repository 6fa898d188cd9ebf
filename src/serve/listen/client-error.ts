import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { Problem, type ProblemKind, problemMediaType, systemClock } from '../../kernel/index.ts'
import { currentResponse } from './http-socket.ts'
import { listenProblems } from './refusals.ts'

/** How long a refused connection is still read, so that its end does not destroy the answer. */
const lingerMs = 1_000

const malformed = answerOf(listenProblems.MALFORMED_REQUEST)
const answers: Readonly<Record<string, Buffer>> = {
  HPE_HEADER_OVERFLOW: answerOf(listenProblems.HEADERS_TOO_LARGE),
  HPE_CHUNK_EXTENSIONS_OVERFLOW: answerOf(listenProblems.CHUNK_EXTENSIONS_TOO_LARGE),
  ERR_HTTP_REQUEST_TIMEOUT: answerOf(listenProblems.REQUEST_TIMEOUT),
}

/**
 * Answers what never became a request: bytes that are not HTTP, headers too large, a request too slow. For a
 * server's `clientError` event (and Fastify's `clientErrorHandler`); it never throws, whatever became of the
 * socket. Earlier requests on the connection are answered first.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9457 problem documents
 */
export function answerClientError (error: Error, socket: Socket): void {
  if (refused.has(socket)) return
  const answer = answerTo(error)
  if (answer === undefined || !socket.writable) {
    socket.destroy()
    return
  }
  refused.add(socket)
  refuse(socket, answer)
}

/** Connections that got their answer, or will: whatever follows on them is read and dropped. */
const refused: WeakSet<Socket> = new WeakSet()

/** `undefined` when there is nobody to answer, or no HTTP to answer in (a failed TLS handshake). */
function answerTo (error: Error): Buffer | undefined {
  const code = 'code' in error ? String(error.code) : ''
  return answers[code] ?? (code.startsWith('HPE_') ? malformed : undefined)
}

function refuse (socket: Socket, answer: Buffer): void {
  const response = currentResponse(socket)
  if (response === undefined) return endWith(socket, answer)
  if (response.req.complete) {
    // This response belongs to an earlier request: answering before it would answer that one.
    response.once('finish', () => socket.writable ? refuse(socket, answer) : socket.destroy())
    return
  }
  if (response.headersSent) socket.destroy()
  else endWith(socket, answer)
}

/**
 * Sends, and then reads on for a while: closing with unread bytes makes TCP send a reset, which can overtake
 * and destroy the answer at the client. @see https://www.rfc-editor.org/rfc/rfc9112#section-9.6
 */
function endWith (socket: Socket, answer: Buffer): void {
  socket.end(answer)
  socket.once('end', () => socket.destroy())
  const cancel = systemClock.after(lingerMs, () => socket.destroy())
  socket.once('close', cancel)
}

function answerOf (kind: ProblemKind): Buffer {
  const body = JSON.stringify(new Problem(kind).toDocument())
  return Buffer.from(
    `HTTP/1.1 ${kind.status} ${STATUS_CODES[kind.status]}\r\n` +
      `Content-Type: ${problemMediaType}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `Cache-Control: no-store\r\nConnection: close\r\n\r\n${body}`
  )
}
