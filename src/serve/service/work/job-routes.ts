import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Negotiator from 'negotiator'
import { Type } from 'typebox'
import { addVary } from '../../../answer/payload/index.ts'
import { Problem, waitMsFor } from '../../../kernel/index.ts'
import type { MetricsRegistry } from '../../../telemetry/index.ts'
import { isFinal, type Jobs, type JobStatus, type JobTicket, statusOf } from '../../../work/jobs/index.ts'
import { documentOf, JobDocument, versionOf } from './job-document.ts'
import { jobRouteProblems } from './job-problems.ts'
import { JobStreams } from './job-streams.ts'

export interface JobRoutesOptions {
  readonly jobs: Pick<Jobs, 'store' | 'waitFor' | 'stopping' | 'cancel'>
  /** Without a slash at its end. */
  readonly path: string
  /** How many clients may hear of their jobs as events at once. */
  readonly streams: number
  readonly registry: MetricsRegistry
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
const eventStream = 'text/event-stream'
const answers = {
  200: {
    description: 'How the job stands; as events, each time that changes, until it has ended',
    content: {
      'application/json': { schema: JobDocument },
      [eventStream]: {
        schema: Type.String({
          description:
            'Server-Sent Events, whose data are the document in JSON and whose ids tell states apart',
        }),
      },
    },
  },
}

/** When a job that has not ended is worth a look, in seconds. */
const lookAgainSeconds = 1
/** The longest that an answer is held back for news, whatever the client would wait, in milliseconds. */
const mostWaitMs = 30_000

/**
 * The status resource of tracked jobs, and `reply.accepted`, which points to it. A caller sees the jobs of its tenant.
 *
 * `GET` answers at once, or with `Prefer: wait=20` as soon as the state is another than the client's (`If-None-Match`),
 * or the job has ended; with `Accept: text/event-stream` as events, until then. `DELETE` cancels.
 */
export function serveJobs (app: FastifyInstance, options: JobRoutesOptions): void {
  const { jobs, path, registry } = options
  const streams = new JobStreams({ jobs, most: options.streams, registry })
  app.decorateReply(
    'accepted',
    function accepted (this: FastifyReply, { id }: JobTicket, body?: unknown): unknown {
      const status = `${path}/${id}`
      void this.code(202).header('location', status).header('retry-after', lookAgainSeconds)
      return body ?? { job: id, status }
    } as FastifyReply['accepted']
  )

  app.get<{ Params: { id: string } }>(`${path}/:id`, {
    schema: { tags: ['job'], summary: 'How a job stands', params: Id, response: answers },
    config: { stream: true, criticality: 'sheddable' },
  }, async (request, reply) => {
    addVary(reply, 'accept')
    const known = await ownStatus(jobs, request)
    if (wantsEvents(request)) return sendEvents(streams, known, request, reply)
    const status = await newsOf(jobs, request, known)
    const tag = tagOf(status)
    void reply.header('etag', tag).header('cache-control', 'private, no-cache')
    if (!isFinal(status)) void reply.header('retry-after', lookAgainSeconds)
    if (request.headers['if-none-match'] === tag) return reply.code(304).send()
    return documentOf(status)
  })

  app.delete<{ Params: { id: string } }>(`${path}/:id`, {
    schema: { tags: ['job'], summary: 'Cancels a job', params: Id },
  }, async (request, reply) => {
    await ownStatus(jobs, request)
    const outcome = await jobs.cancel(request.params.id)
    if (outcome === 'unknown') throw new Problem(jobRouteProblems.JOB_NOT_FOUND)
    if (outcome === 'done') throw new Problem(jobRouteProblems.JOB_ENDED)
    // One that runs hears of it by the next heartbeat of its worker.
    return reply.code(outcome === 'cancelled' ? 200 : 202).send(documentOf(await ownStatus(jobs, request)))
  })
}

function sendEvents (
  streams: JobStreams,
  status: JobStatus,
  { headers, context: { signal } }: JobRequest,
  reply: FastifyReply
): FastifyReply {
  const told = headers['last-event-id']?.toString()
  void reply.header('cache-control', 'no-store')
  // Who knows the end comes back only because its stream has ended: 204 says that there is nothing more to come.
  if (isFinal(status) && told === versionOf(status)) return reply.code(204).send()
  // Proxies that gather answers would hold events back.
  void reply.type(eventStream).header('x-accel-buffering', 'no')
  return reply.send(streams.open(status, told, signal))
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

function tagOf (status: JobStatus): string {
  return `"${versionOf(status)}"`
}

/** Whether the client would rather have events than JSON. A HEAD has neither. */
function wantsEvents ({ method, headers }: JobRequest): boolean {
  if (method === 'HEAD' || headers.accept === undefined) return false
  return new Negotiator({ headers }).mediaType(['application/json', eventStream]) === eventStream
}
