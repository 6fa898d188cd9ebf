import { constants, type Http2SecureServer, type ServerHttp2Stream } from 'node:http2'
import { type Clock, Problem, problemMediaType } from '../../kernel/index.ts'
import { listenProblems } from './refusals.ts'

const body: string = JSON.stringify(new Problem(listenProblems.REQUEST_TIMEOUT).toDocument())
const headers = {
  ':status': listenProblems.REQUEST_TIMEOUT.status,
  'content-type': problemMediaType,
  'content-length': Buffer.byteLength(body),
  'cache-control': 'no-store',
}

/**
 * Cuts off HTTP/2 requests whose body does not arrive in time: node's own `requestTimeout` knows HTTP/1 only.
 * A request without a body costs nothing.
 */
export function limitStreams (server: Http2SecureServer, timeoutMs: number, clock: Clock): void {
  server.on('stream', (stream: ServerHttp2Stream, _headers, flags: number) => {
    if ((flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0) return
    const cancel = clock.after(timeoutMs, () => refuse(stream))
    stream.once('end', cancel)
    stream.once('close', cancel)
  })
}

function refuse (stream: ServerHttp2Stream): void {
  if (stream.destroyed || stream.closed) return
  if (!stream.headersSent) {
    stream.respond(headers)
    stream.end(body)
  }
  stream.close(constants.NGHTTP2_NO_ERROR)
}
