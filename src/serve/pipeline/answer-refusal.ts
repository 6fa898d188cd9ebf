import type { OutgoingHttpHeaders } from 'node:http'
import { problemMediaType, problemType } from '../../kernel/index.ts'
import { admissionProblems, type Refusal } from '../../protect/admission/index.ts'
import type { RequestUnit } from './request-unit.ts'

const { OVERLOADED } = admissionProblems

/** The document of each refusal up to the members that differ from request to request. */
const heads = new Map<Refusal, string>()

/**
 * Answers a refused request: before its body is read, past Fastify's serialisation and its hooks, because the
 * less a refusal costs the more is left for what is served. What earlier hooks have put on the reply (CORS,
 * say) goes out with it, and the connection stays open for the client's next try.
 */
export function answerRefusal ({ reply, id, trace }: RequestUnit, refusal: Refusal): void {
  const body = `${
    headOf(refusal)
  }"instance":"urn:request:${id}","request_id":"${id}","trace_id":"${trace.traceId}"}`
  const headers = { ...reply.getHeaders() } as OutgoingHttpHeaders
  headers['content-type'] = problemMediaType
  // Every member is ASCII: the id because it is checked, the rest because we wrote it.
  headers['content-length'] = String(body.length)
  headers['retry-after'] = String(refusal.retryAfterSeconds)
  headers['cache-control'] = 'no-store'
  reply.hijack()
  const { raw } = reply
  raw.writeHead(OVERLOADED.status, headers)
  raw.end(body)
}

function headOf (refusal: Refusal): string {
  const known = heads.get(refusal)
  if (known !== undefined) return known
  const { reason, lane, retryAfterSeconds } = refusal
  const { code, status, title } = OVERLOADED
  const members = { type: problemType(code), title, status, code, reason, lane, retryAfterSeconds }
  const head = `${JSON.stringify(members).slice(0, -1)},`
  heads.set(refusal, head)
  return head
}
