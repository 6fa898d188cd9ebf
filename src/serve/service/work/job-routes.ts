import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { createHash } from 'node:crypto'
import { Type } from 'typebox'
import { type ExplainedProblemKind, explainProblems, Problem, waitMsFor } from '../../../kernel/index.ts'
import { isFinal, type Jobs, type JobStatus, type JobTicket, statusOf } from '../../../work/jobs/index.ts'

/** What the status resource of jobs can answer with. */
export const jobRouteProblems: Readonly<Record<'JOB_NOT_FOUND' | 'JOB_ENDED', ExplainedProblemKind>> =
  explainProblems({
    JOB_NOT_FOUND: [
      404,
      'There is no such job',
      'no job with this id was accepted for this caller, or it ended so long ago that it is forgotten',
      'Ask at the address that came with the 202, with the credentials of the request that was accepted.',
    ],
    JOB_ENDED: [
      409,
      'The job has ended already',
      'what has ended cannot be cancelled',
      'Ask for its state: what it did is done.',
    ],
  })

export interface JobRoutesOptions {
  readonly jobs: Pick<Jobs, 'store' | 'waitFor' | 'cancel'>
  /** Without a slash at its end. */
  readonly path: string
}

declare module 'fastify' {
  interface FastifyReply {
    /**
     * Answers 202 for a tracked job: with `Location` of its status, when it is worth a look, and `body`, or else the
     * address alone.
     *
     * @param job what `enqueue` gave
     */
    accepted<Body>(job: JobTicket, body: Body): Body
    accepted(job: JobTicket): { readonly job: string; readonly status: string }
  }
}

const Id = Type.Object({ id: Type.String({ format: 'uuid' }) })
const Status = Type.Object({
  id: Type.String(),
  state: Type.String({ description: 'waiting, running, cancelling, done, failed, cancelled or expired' }),
  attempt: Type.Integer({ description: 'Runs that have begun' }),
  enqueuedAt: Type.String({ format: 'date-time' }),
  changedAt: Type.String({ format: 'date-time' }),
  progress: Type.Optional(Type.Unknown()),
  result: Type.Optional(Type.Unknown()),
  error: Type.Optional(Type.Object({ name: Type.String(), code: Type.Optional(Type.String()) })),
})

/** When a job that has not ended is worth a look, in seconds. */
const lookAgainSeconds = 1
/** The longest that an answer is held back for news, whatever the client would wait, in milliseconds. */
const mostWaitMs = 30_000

/**
 * The status resource of tracked jobs, and `reply.accepted`, which points to it. A caller sees the jobs of its tenant.
 *
 * `GET` answers at once, or with `Prefer: wait=20` as soon as the state is another than the client's (`If-None-Match`),
 * or the job has ended. `DELETE` cancels.
 */
export function serveJobs (app: FastifyInstance, { jobs, path }: JobRoutesOptions): void {
  app.decorateReply(
    'accepted',
    function accepted (this: FastifyReply, { id }: JobTicket, body?: unknown): unknown {
      const status = `${path}/${id}`
      void this.code(202).header('location', status).header('retry-after', lookAgainSeconds)
      return body ?? { job: id, status }
    } as FastifyReply['accepted']
  )

  app.get<{ Params: { id: string } }>(`${path}/:id`, {
    schema: { tags: ['job'], summary: 'How a job stands', params: Id, response: { 200: Status } },
    config: { stream: true, criticality: 'sheddable' },
  }, async (request, reply) => {
    const status = await newsOf(jobs, request, await ownStatus(jobs, request))
    const tag = tagOf(status)
    void reply.header('etag', tag).header('cache-control', 'private, no-cache')
    if (!isFinal(status)) void reply.header('retry-after', lookAgainSeconds)
    if (request.headers['if-none-match'] === tag) return reply.code(304).send()
    return shown(status)
  })

  app.delete<{ Params: { id: string } }>(`${path}/:id`, {
    schema: { tags: ['job'], summary: 'Cancels a job', params: Id },
  }, async (request, reply) => {
    await ownStatus(jobs, request)
    const outcome = await jobs.cancel(request.params.id)
    if (outcome === 'unknown') throw new Problem(jobRouteProblems.JOB_NOT_FOUND)
    if (outcome === 'done') throw new Problem(jobRouteProblems.JOB_ENDED)
    // One that runs hears of it by the next heartbeat of its worker.
    return reply.code(outcome === 'cancelled' ? 200 : 202).send(shown(await ownStatus(jobs, request)))
  })
}

type JobRequest = FastifyRequest<{ Params: { id: string } }>

async function ownStatus (
  { store }: Pick<Jobs, 'store'>,
  { params: { id }, context }: JobRequest
): Promise<JobStatus> {
  const receipt = await store.receipt(id)
  if (receipt === undefined || receipt.tenant !== (context.tenant ?? ''))
    throw new Problem(jobRouteProblems.JOB_NOT_FOUND, { detail: `no job of yours has the id ${id}` })
  return statusOf(receipt)
}

/** Waits for news where the client would rather wait than ask again. */
async function newsOf (
  jobs: Pick<Jobs, 'waitFor'>,
  { params: { id }, context, headers }: JobRequest,
  status: JobStatus
): Promise<JobStatus> {
  const { signal, deadline } = context
  const waitMs = waitMsFor(headers.prefer?.toString(), deadline, mostWaitMs)
  const known = headers['if-none-match']
  if (waitMs === 0 || isFinal(status) || (known !== undefined && known !== tagOf(status))) return status
  const since = known === undefined ? {} : { since: status }
  return await jobs.waitFor(id, { signal, timeout: waitMs, ...since }) ?? status
}

function tagOf ({ state, attempt, changedAt, progress }: JobStatus): string {
  const told = JSON.stringify([state, attempt, changedAt, progress])
  return `"${createHash('sha256').update(told).digest('base64url').slice(0, 22)}"`
}

/** What a failure says in words may be the service's own business. */
function shown ({ id, state, attempt, enqueuedAt, changedAt, progress, result, error }: JobStatus): object {
  return {
    id,
    state,
    attempt,
    enqueuedAt,
    changedAt,
    ...(progress === undefined ? {} : { progress }),
    ...(result === undefined ? {} : { result }),
    ...(error === undefined || state !== 'failed' ? {} : {
      error: { name: error.name, ...(error.code === undefined ? {} : { code: error.code }) },
    }),
  }
}
