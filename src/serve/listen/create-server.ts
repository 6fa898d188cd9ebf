import { createServer, type RequestListener, type Server } from 'node:http'
import { createSecureServer, type Http2SecureServer, type Http2Session } from 'node:http2'
import { createServer as createTlsServer } from 'node:https'
import type { Clock } from '../../kernel/index.ts'
import type { ListenAddress } from './address.ts'
import type { ListenLimits, ResolvedListenOptions } from './options.ts'
import { limitStreams } from './stream-limits.ts'

export type HttpServer = Server | Http2SecureServer

/** A server for one address, not yet listening, with every limit set. */
export function createHttpServer (
  address: ListenAddress,
  { tls, http2, limits, clock }: ResolvedListenOptions,
  handler: RequestListener
): HttpServer {
  const options = { ...httpOptions(limits), noDelay: true }
  if (tls === undefined || address.kind === 'unix') {
    return withRequestLimit(createServer(options, handler), limits)
  }
  // A handshake is the first part of a request: it gets as long as the headers do.
  const handshakeTimeout = limits.headersTimeoutMs || 120_000
  const secure = { ...options, ...tls, handshakeTimeout }
  if (!http2) return withRequestLimit(createTlsServer(secure, handler), limits)
  const server = createSecureServer({
    ...secure,
    allowHTTP1: true,
    settings: { maxConcurrentStreams: 128, maxHeaderListSize: limits.headerSize },
    // The one request type is node's own compatibility layer: what Fastify serves HTTP/2 with.
  }, handler as unknown as Parameters<typeof createSecureServer>[1])
  limitSessions(server, limits, clock)
  return withRequestLimit(server, limits)
}

function httpOptions (limits: Required<ListenLimits>) {
  return {
    maxHeaderSize: limits.headerSize,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    connectionsCheckingInterval: checkingIntervalMs(limits),
    keepAliveTimeout: limits.keepAliveTimeoutMs,
  }
}

/** Node looks for late requests only so often (30 s by default): a limit is true to a tenth, or a second. */
function checkingIntervalMs ({ headersTimeoutMs, requestTimeoutMs }: Required<ListenLimits>): number {
  const shortest = Math.min(headersTimeoutMs || Infinity, requestTimeoutMs || Infinity)
  return Math.min(1_000, Math.max(50, Math.round(shortest / 10)))
}

function withRequestLimit<S extends HttpServer> (server: S, { requestsPerConnection }: ListenLimits): S {
  // Not in the types of the HTTP/2 server, whose HTTP/1 side reads it all the same.
  return Object.assign(server, { maxRequestsPerSocket: requestsPerConnection })
}

function limitSessions (server: Http2SecureServer, limits: Required<ListenLimits>, clock: Clock): void {
  server.setTimeout(limits.keepAliveTimeoutMs)
  // Streams in flight finish: a silent handler is no idle client.
  server.on('timeout', (session: Http2Session) => session.close())
  if (limits.requestTimeoutMs > 0) limitStreams(server, limits.requestTimeoutMs, clock)
}
