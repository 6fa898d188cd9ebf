import type { FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import type { Answer } from '../../answer/cache/index.ts'
import type { CacheHolder, KeptRoute } from './app-cache.ts'
import { listOf } from './hook-list.ts'
import type { RequestUnit } from './request-unit.ts'
import { linesOn, sendWhole } from './whole-answer.ts'

/** Tells what the cache did, and why. @see https://www.rfc-editor.org/rfc/rfc9211 */
export const cacheStatusHeader = 'cache-status'

type Done = (error: Error | null, payload?: unknown) => void

/** Keeps what the route answers, and sends what is kept. */
export function keepAnswers (route: RouteOptions, { edge }: KeptRoute): void {
  function keep (request: FastifyRequest, reply: FastifyReply, payload: unknown, done: Done): void {
    const { miss } = request.context as RequestUnit
    const status = reply.statusCode
    const headers = reply.getHeaders()
    const kept = miss?.store({ status, headers, body: bodyOf(payload) })
    if (kept?.kind === 'answer') {
      void reply.code(kept.status)
      const { headers: given } = kept
      for (let at = 0; at < given.length; at += 2) void reply.header(given[at]!, given[at + 1]!)
      return done(null, kept.body ?? '')
    }
    if (kept !== undefined) void reply.header(cacheStatusHeader, kept.cacheStatus)
    // What is not kept here is not for CDNs either.
    for (const [name, value] of edge.headersFor({ status, headers, personal: true }))
      void reply.header(name, value)
    done(null, payload)
  }
  route.onSend = [...listOf(route.onSend), keep]
}

/**
 * Sends an answer of the cache past Fastify, as refusals are: no handler, no serialisation, no hooks. What earlier hooks
 * have put on the reply (CORS, say) goes out with it.
 *
 * @returns whether it is out, as {@link sendWhole} says
 */
export function sendKept (unit: RequestUnit, answer: Answer): boolean {
  const { reply, request } = unit
  const { status, body } = answer
  const lines = request.method === 'HEAD' ? undefined : linesOn(reply)
  if (lines !== undefined) {
    reply.hijack()
    const length = status === 304 ? undefined : body?.length ?? 0
    return sendWhole(reply, status, `${answer.lines}${unit.ownLines}${lines}`, length, body)
  }
  unit.tell()
  const all = [...answer.headers]
  for (const [name, value] of Object.entries(reply.getHeaders())) all.push(name, value as string)
  reply.hijack()
  const { raw } = reply
  raw.writeHead(status, all)
  if (body === undefined || request.method === 'HEAD') raw.end()
  else raw.end(body, 'latin1')
  return false
}

/** Purges what the route's writes may have changed, before their clients are told that they have succeeded. */
export function purgeWhatIsWritten (route: RouteOptions, cache: CacheHolder): void {
  async function purge (request: FastifyRequest, reply: FastifyReply, payload: unknown): Promise<unknown> {
    if (!cache.isUsed) return payload
    const { method, url, origin } = request.context as RequestUnit
    await cache.written({ method, url, origin, status: reply.statusCode, headers: reply.getHeaders() })
    return payload
  }
  route.onSend = [...listOf(route.onSend), purge]
}

/** `null` for a stream, which cannot be kept. */
function bodyOf (payload: unknown): string | Uint8Array | undefined | null {
  if (payload === undefined || payload === null) return undefined
  return typeof payload === 'string' || payload instanceof Uint8Array ? payload : null
}
