import type { OutgoingHttpHeaders } from 'node:http'
import { type ProblemDocument, problemMediaType, problemType } from '../../kernel/index.ts'
import { admissionProblems, type Refusal } from '../../protect/admission/index.ts'
import type { RequestUnit } from './request-unit.ts'
import { linesOn, sendWhole } from './whole-answer.ts'

const { OVERLOADED } = admissionProblems

/** The document of each refusal up to the members that differ from request to request. */
const heads = new Map<Refusal, string>()

/** Answers a request that admission refuses. @returns whether the answer is out, as {@link sendWhole} says */
export function answerRefusal (unit: RequestUnit, refusal: Refusal): boolean {
  // All of it is ASCII: the ids because they are checked, the rest because we wrote it.
  const body = `${headOf(refusal)}${idsOf(unit)}`
  return answer(unit, OVERLOADED.status, body, body.length, refusal.retryAfterSeconds)
}

/** Answers a request that need go no further. @returns whether the answer is out, as {@link sendWhole} says */
export function answerEarly (unit: RequestUnit, document: ProblemDocument): boolean {
  const text = `${membersOf(document)}${idsOf(unit)}`
  const bytes = Buffer.byteLength(text)
  return answer(unit, document.status, bytes === text.length ? text : Buffer.from(text), bytes)
}

const problemLines = `content-type: ${problemMediaType}\r\ncache-control: no-store\r\n`

/**
 * Before the body is read, past Fastify's serialisation and its hooks, because the less a refusal costs the more
 * is left for what is served. What earlier hooks have put on the reply (CORS, say) goes out with it, and the
 * connection stays open for the client's next try.
 *
 * @param body text where it is ASCII
 */
function answer (
  unit: RequestUnit,
  status: number,
  body: string | Buffer,
  bytes: number,
  retryAfter?: number
): boolean {
  const { reply, ownLines } = unit
  const others = linesOn(reply)
  if (others !== undefined) {
    const waiting = retryAfter === undefined ? '' : `retry-after: ${retryAfter}\r\n`
    reply.hijack()
    return sendWhole(reply, status, `${problemLines}${waiting}${ownLines}${others}`, bytes, body)
  }
  unit.tell()
  const headers = reply.getHeaders() as OutgoingHttpHeaders
  headers['content-type'] = problemMediaType
  headers['content-length'] = String(bytes)
  headers['cache-control'] = 'no-store'
  if (retryAfter !== undefined) headers['retry-after'] = String(retryAfter)
  reply.hijack()
  const { raw } = reply
  raw.writeHead(status, headers)
  raw.end(body)
  return false
}

/** The members that differ from request to request, and the end of the document. */
function idsOf ({ id, trace }: RequestUnit): string {
  // An id is safe here: request-id.ts takes no quotes.
  return `"instance":"urn:request:${id}","request_id":"${id}","trace_id":"${trace.traceId}"}`
}

/** The document up to those members. */
function membersOf (document: object): string {
  return `${JSON.stringify(document).slice(0, -1)},`
}

function headOf (refusal: Refusal): string {
  const known = heads.get(refusal)
  if (known !== undefined) return known
  const { reason, lane, retryAfterSeconds } = refusal
  const { code, status, title } = OVERLOADED
  const head = membersOf({ type: problemType(code), title, status, code, reason, lane, retryAfterSeconds })
  heads.set(refusal, head)
  return head
}
