import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import Negotiator from 'negotiator'
import { Readable } from 'node:stream'
import { Problem } from '../../kernel/index.ts'
import { batchSchema } from './batch-schema.ts'
import type { PartAnswer } from './dispatch.ts'
import { batchMembershipOf } from './membership/index.ts'
import { type BatchOptions, resolveBatchOptions, type ResolvedBatchOptions } from './options.ts'
import { batchProblems } from './problems.ts'
import { type Part, readBatch } from './read-batch.ts'
import { runBatch } from './run-batch.ts'
import type { StepResult } from './run-steps.ts'
import { writeResult } from './write-result.ts'

const lines = ['application/x-ndjson', 'application/ndjson'] as const

/** A batch has one form, whatever holds for the service's routes: versions, names and fields are those of its parts. */
const ownForm = { formats: ['json', ...lines], naming: false, fields: false, versions: false } as const

/** Serves a route that takes several requests at once; see docs/batch.md. */
async function batchRoute (app: FastifyInstance, options: BatchOptions): Promise<void> {
  const resolved = resolveBatchOptions(options)
  app.post(resolved.path, {
    bodyLimit: resolved.bodyLimit,
    schema: batchSchema(resolved),
    // The schema is for the API description; what is wrong with a batch is said by readBatch, which knows why.
    validatorCompiler: () => () => true,
    serializerCompiler: () => (answer) => String(answer),
    // Its parts have room in flight of their own: a batch that held some while it waits for them could stall all.
    config: { stream: true, deadline: resolved.deadlineMs, ...ownForm, ...resolved.config },
  }, (request, reply) => answer(request, reply, resolved))
}

function answer (
  request: FastifyRequest,
  reply: FastifyReply,
  options: ResolvedBatchOptions
): FastifyReply | Promise<string> {
  if (batchMembershipOf(request.raw) !== undefined) throw new Problem(batchProblems.BATCH_NESTED)
  const parts = readBatch(request.body, options)
  void reply.header('vary', 'accept')
  const streamed = wantsLines(request.headers.accept)
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  const results = runBatch(request, parts, options, !streamed, gone.signal)
  if (streamed) {
    void reply.type('application/x-ndjson')
    return reply.send(Readable.from(writeLines(results, options.answerHeaders), { objectMode: false }))
  }
  void reply.type('application/json; charset=utf-8')
  return collect(parts, results, options.answerHeaders)
}

async function* writeLines (
  results: AsyncIterable<StepResult<PartAnswer>>,
  names: readonly string[]
): AsyncGenerator<string> {
  for await (const { step, answer } of results) {
    for (const id of step.ids) yield `${writeResult(id, answer, names)}\n`
  }
}

async function collect (
  parts: readonly Part[],
  results: AsyncIterable<StepResult<PartAnswer>>,
  names: readonly string[]
): Promise<string> {
  const texts = new Map<string, string>()
  for await (const { step, answer } of results) {
    for (const id of step.ids) texts.set(id, writeResult(id, answer, names))
  }
  return `{"responses":[${parts.map(({ id }) => texts.get(id)).join(',')}]}`
}

function wantsLines (accept: string | undefined): boolean {
  if (accept === undefined) return false
  const type = new Negotiator({ headers: { accept } }).mediaType(['application/json', ...lines])
  return lines.some((line) => line === type)
}

/** The plugin, for `app.register(batch)`: after `plimsoll`, in the same app as the routes that it may reach. */
export const batch: FastifyPluginAsync<BatchOptions> = fastifyPlugin(batchRoute, {
  name: 'plimsoll-batch',
  fastify: '5.x',
})
