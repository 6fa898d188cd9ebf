import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Reads } from '../../data/index.ts'
import type { Context } from '../../kernel/index.ts'

/** Carries what a client has to have seen; the same header both ways. */
export const consistencyHeader = 'plimsoll-consistency'

/** A request's context, which says whether its answer was made for an earlier request. */
type MaybeReplayed = Context & { readonly replayed?: boolean }

/** Tells reads what their clients have written, and clients what to show with their next request. */
export function readConsistently (
  app: FastifyInstance,
  reads: Pick<Reads, 'withConsistency' | 'consistencyToken' | 'wrote'>
): void {
  app.addHook('onRequest', (request, _reply, done) => {
    const token = request.raw.headers[consistencyHeader]
    if (typeof token === 'string') reads.withConsistency(token, request.context)
    done()
  })
  async function tell (request: FastifyRequest, reply: FastifyReply, payload: unknown): Promise<unknown> {
    // Who is told again what an earlier request did has no token of that: its answer was lost.
    if ((request.context as MaybeReplayed).replayed === true) reads.wrote(request.context)
    const token = await reads.consistencyToken(request.context)
    if (token !== undefined) void reply.header(consistencyHeader, token)
    return payload
  }
  app.addHook('onSend', tell)
}
