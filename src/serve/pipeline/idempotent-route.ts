import type { FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import type { Transaction } from '../../data/index.ts'
import type { Answer, IdempotentRoute, StoredAnswer } from '../../protect/idempotency/index.ts'
import { listOf } from './hook-list.ts'
import type { RequestUnit } from './request-unit.ts'

/** Tells that an answer was made for an earlier request with the same key. */
export const replayedHeader = 'idempotent-replayed'

/** The operation was done by another request meanwhile, and this is its answer. Ends the handler. */
export class AnsweredElsewhere extends Error {
  override readonly name = 'AnsweredElsewhere'
  readonly answer: StoredAnswer

  constructor (answer: StoredAnswer) {
    super('another request with this idempotency key has done the operation')
    this.answer = answer
  }
}

/**
 * Puts the two ends of an idempotent request around a route's handler: before it, once the body is parsed and
 * other hooks have said who calls, the key is looked up; after it, the answer is kept. Other routes have neither.
 */
export function makeIdempotent (route: RouteOptions, keys: IdempotentRoute<Transaction>): void {
  route.preHandler = [...listOf(route.preHandler), (request, reply) => begin(keys, request, reply)]
  route.onSend = [...listOf(route.onSend), keep]
}

async function begin (
  keys: IdempotentRoute<Transaction>,
  request: FastifyRequest,
  reply: FastifyReply
): Promise<FastifyReply | void> {
  const unit = request.context as RequestUnit
  const begun = await keys.begin({
    header: request.headers['idempotency-key'],
    target: request.url,
    tenant: unit.tenant,
    body: request.body,
    deadline: unit.deadline,
    signal: unit.signal,
  })
  switch (begun.kind) {
    case 'none':
      return
    case 'run':
      unit.idempotency = begun.unit
      return
    case 'replay':
      return sendStored(begun.answer, unit)
    case 'refused':
      if (begun.retryAfterSeconds !== undefined) reply.header('retry-after', begun.retryAfterSeconds)
      throw begun.problem
  }
}

/** Sends an answer that was made before, byte for byte. */
export function sendStored ({ status, headers, body }: StoredAnswer, unit: RequestUnit): FastifyReply {
  const { reply } = unit
  unit.replayed = true
  reply.code(status).header(replayedHeader, 'true')
  for (const [name, value] of headers) reply.header(name, value)
  return reply.send(body)
}

/** Fastify's onSend: what goes out is what was kept, and what was not kept gives the key back. */
async function keep (request: FastifyRequest, reply: FastifyReply, payload: unknown): Promise<unknown> {
  const unit = request.context as RequestUnit
  const { idempotency } = unit
  // After its deadline the client is told so, while the handler may still commit: the key is settled by what it does.
  if (idempotency === undefined || unit.expired) return payload
  const kept = await idempotency.finish({
    status: reply.statusCode,
    headers: reply.getHeaders(),
    body: bodyOf(payload),
  })
  if (kept === undefined) return payload
  // It may be that of another request, which took the lease over and did the work.
  void reply.code(kept.status)
  for (const [name, value] of kept.headers) void reply.header(name, value)
  return kept.body
}

/**
 * Runs a request's work in one transaction with the record of its answer, which is what `work` returns, under the
 * status and headers that the reply has then.
 */
export async function runIdempotently<Result> (
  unit: RequestUnit,
  work: (tx: Transaction) => Promise<Result>
): Promise<Result> {
  const { idempotency } = unit
  if (idempotency === undefined) throw new Error('the request has no idempotency key')
  let made: { readonly result: Result; readonly answer: Answer } | undefined
  const ran = await idempotency.run(work, (result) => {
    made = { result, answer: answerOf(unit, result) }
    return made.answer
  })
  if (made === undefined || (ran.kept && !isSame(ran.answer, made.answer))) {
    throw new AnsweredElsewhere(ran.answer as StoredAnswer)
  }
  return made.result
}

/** The answer that Fastify will make of what a handler returns. */
function answerOf ({ request, reply, routePlan }: RequestUnit, result: unknown): Answer {
  const headers = { ...reply.getHeaders() }
  if (result === undefined || result === null) return { status: reply.statusCode, headers, body: undefined }
  const isText = typeof result === 'string'
  const isBytes = result instanceof Uint8Array
  headers['content-type'] ??= isText ?
    'text/plain; charset=utf-8' :
    isBytes ?
    'application/octet-stream' :
    'application/json; charset=utf-8'
  // Its look is that which the client wants.
  const { shape } = routePlan
  if (shape !== undefined && !isText && !isBytes)
    return { status: reply.statusCode, ...shape.write(request, reply, result as object) }
  const body = isText || isBytes ? result : String(reply.serialize(result as object))
  return { status: reply.statusCode, headers, body }
}

function isSame ({ status, body }: StoredAnswer, made: Answer): boolean {
  return status === made.status && body !== undefined && body.equals(Buffer.from(made.body ?? ''))
}

/** `null` for a stream, which cannot be kept. */
function bodyOf (payload: unknown): Answer['body'] {
  if (payload === undefined || payload === null) return undefined
  return typeof payload === 'string' || payload instanceof Uint8Array ? payload : null
}
