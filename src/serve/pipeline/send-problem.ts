import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Problem, problemMediaType } from '../../kernel/index.ts'

/** Sends a problem document that names the request, so that a client's report leads to the logs. */
export function sendProblem (problem: Problem, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { id, trace } = request.context ?? { id: request.id, trace: undefined }
  const document = {
    ...problem.toDocument(),
    instance: `urn:request:${id}`,
    request_id: id,
    trace_id: trace?.traceId,
  }
  return reply.code(problem.statusCode)
    .header('content-type', problemMediaType)
    .serializer(JSON.stringify)
    .send(document)
}
