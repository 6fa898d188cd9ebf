import type { FastifyReply, FastifyRequest, preHandlerAsyncHookHandler } from 'fastify'
import { readPrefer } from '../../../kernel/index.ts'
import type { AsyncResponder } from './async-responder.ts'

/**
 * Fastify's preHandler hook that hands requests over whose clients prefer so. It has to come after what looks for
 * an idempotency key, so that a repeated request finds the work of the first.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7240#section-4.1
 */
export function respondAsync (responder: AsyncResponder): preHandlerAsyncHookHandler {
  return async function handOver (
    request: FastifyRequest,
    reply: FastifyReply
  ): Promise<FastifyReply | void> {
    const header = request.headers['prefer']
    if (header === undefined) return
    const { respondAsync: wanted, waitMs } = readPrefer(String(header))
    if (!wanted) return
    const accepted = await responder.accept(request, waitMs)
    if (accepted === undefined) return
    const { location, retryAfterSeconds, body } = accepted
    void reply.code(202).header('location', location).header('preference-applied', 'respond-async')
      .header('cache-control', 'no-store')
    if (retryAfterSeconds !== undefined) void reply.header('retry-after', Math.ceil(retryAfterSeconds))
    return reply.send(body)
  }
}
