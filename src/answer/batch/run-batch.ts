import type { FastifyRequest } from 'fastify'
import { currentContext, Deadline, Problem } from '../../kernel/index.ts'
import { dispatchPart, NoRoomError, type PartAnswer } from './dispatch.ts'
import type { ResolvedBatchOptions } from './options.ts'
import { contextHeaders, inheritedHeaders } from './part-headers.ts'
import { planParts, type Step } from './plan-parts.ts'
import { batchProblems, lateProblem } from './problems.ts'
import type { Part } from './read-batch.ts'
import { runSteps, type StepResult } from './run-steps.ts'
import { problemAnswer } from './write-result.ts'

/** The time that a batch keeps for itself, to say what became of parts that were not answered in time. */
const shareKept = 0.05
const mostKeptMs = 100

/**
 * Runs the parts of a batch and hands their answers out as they come. Each part is a request of its own to the
 * app: it spends the caller's limits, it is admitted or refused, it is recorded.
 *
 * @param request the batch's own
 * @param together the answers share `maxAnswer`; otherwise each may have so much
 * @param gone aborts when the client of the batch has left: what is running is given up
 */
export async function* runBatch (
  request: FastifyRequest,
  parts: readonly Part[],
  { parallelism, maxAnswer, deadlineMs }: ResolvedBatchOptions,
  together: boolean,
  gone: AbortSignal
): AsyncGenerator<StepResult<PartAnswer>> {
  const steps = planParts(parts)
  const whole = currentContext()
  const deadline = partDeadline((whole?.deadline ?? Deadline.none).within(deadlineMs))
  const inherited = inheritedHeaders(request.headers)
  const numbers = new Map(parts.map(({ id }, index) => [id, index + 1]))
  const late = new AbortController()
  const cancel = deadline.whenPassed(() => late.abort(new Problem(lateProblem)))
  let room = maxAnswer

  const run = async ({ part }: Step, given: AbortSignal): Promise<PartAnswer> => {
    let taken = 0
    const takeRoom = (bytes: number): boolean => {
      taken += bytes
      if (together) room -= bytes
      return together ? room >= 0 : taken <= maxAnswer
    }
    try {
      return await dispatchPart(
        request.server,
        {
          method: part.method,
          path: part.path,
          headers: {
            ...inherited,
            ...part.body === undefined ? {} : { 'content-type': 'application/json' },
            ...part.headers,
            ...contextHeaders(whole, deadline, numbers.get(part.id) ?? 0),
          },
          body: bodyOf(part),
          socket: request.raw.socket,
          membership: { whole, deadline },
        },
        takeRoom,
        AbortSignal.any([given, gone, late.signal])
      )
    } catch (error) {
      // What was read and is thrown away makes room again.
      if (together) room += taken
      return problemAnswer(problemOf(error))
    }
  }
  try {
    yield* runSteps(steps, {
      run,
      succeeded: ({ status }) => status < 400,
      skipped: (_step, failed) => {
        const detail = `The part "${failed.part.id}" has failed.`
        return problemAnswer(new Problem(batchProblems.BATCH_DEPENDENCY_FAILED, { detail }))
      },
    }, parallelism)
  } finally {
    cancel()
  }
}

function partDeadline (whole: Deadline): Deadline {
  const leftMs = whole.remainingMs()
  return whole.within(leftMs - Math.min(leftMs * shareKept, mostKeptMs))
}

/** JSON is written as such; a part that says another type sends its text as it is. */
function bodyOf ({ body, headers }: Part): string | undefined {
  if (body === undefined) return undefined
  const type = headers['content-type']
  return typeof body === 'string' && type !== undefined && !/\bjson\b/i.test(type) ?
    body :
    JSON.stringify(body)
}

function problemOf (error: unknown): Problem {
  if (error instanceof Problem) return error
  if (error instanceof NoRoomError) return new Problem(batchProblems.BATCH_ANSWER_TOO_LARGE)
  return new Problem(batchProblems.BATCH_PART_BROKEN, { cause: error })
}
