import type { FastifyError, FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { Readable } from 'node:stream'
import { acceptMessagePack, type FieldMask, fieldsOf } from '../../answer/payload/index.ts'
import type { Transaction } from '../../data/index.ts'
import { type Context, Problem } from '../../kernel/index.ts'
import type { Pressure } from '../../protect/admission/index.ts'
import type { IdempotentUnit } from '../../protect/idempotency/index.ts'
import type { BotVerdict, VerifiedSignature } from '../../protect/verify/index.ts'
import { metricsFormat, type MetricsRegistry, renderMetrics } from '../../telemetry/index.ts'
import { type AppCache, appCache, CacheHolder } from './app-cache.ts'
import { openCallerChecks } from './caller-checks.ts'
import { readConsistently } from './consistent-reads.ts'
import { AnsweredElsewhere, runIdempotently, sendStored } from './idempotent-route.ts'
import { type PipelineOptions, resolvePipelineOptions, type RouteSettings } from './options.ts'
import { requestProblems } from './problem-kinds.ts'
import { problemOf, retryAfterOf } from './problem-of.ts'
import { Recorder } from './recorder.ts'
import { Refresher } from './refresher.ts'
import { requestIds } from './request-id.ts'
import { RequestPath } from './request-path.ts'
import { RequestUnit } from './request-unit.ts'
import { RouteCompiler } from './route-compiler.ts'
import type { planOf, RoutePlan } from './route-plan.ts'
import { sendProblem } from './send-problem.ts'

declare module 'fastify' {
  interface FastifyContextConfig extends RouteSettings {
    [planOf]?: RoutePlan
  }

  interface FastifyRequest {
    /** The unit of work that this request is. */
    context: Context
  }

  interface FastifyRequest {
    /**
     * How close the route is to refusing: 0 calm, 1 busy, 2 overloaded, 3 refusing. For a route that can answer
     * with less before it has to refuse; see docs/overload.md.
     */
    readonly pressure: Pressure
    /** The fields that the client asked for, on a route with `fields`; undefined for all of them. */
    readonly fields: FieldMask | undefined
    /** The agent that signed the request (Web Bot Auth), e.g. `https://agent.example`, once it is verified. */
    readonly agent: string | undefined
    /** What its client is taken for, and why; where bots are scored. */
    readonly bot: BotVerdict | undefined
    /** The request's own signature, on a route that says `verify`. */
    readonly verification: VerifiedSignature | undefined
    /** The lease of this request's idempotency key, when it is the one that runs under it. */
    readonly idempotency: IdempotentUnit<Transaction> | undefined
    /**
     * On a route with `idempotency`: runs `work` in one database transaction together with the record of the
     * answer, which is what `work` returns, under the reply's status and headers at that moment. Without a key it
     * is a plain transaction.
     */
    transaction<Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result>
  }

  interface FastifyInstance {
    /** Purges and fills what is kept of this app's answers. */
    readonly cache: AppCache
    /** Where this app's metrics are recorded; add your own with it. */
    readonly metrics: MetricsRegistry
  }
}

/**
 * The request path on one Fastify app: every request gets a {@link Context}, is recorded once, and is
 * answered with a problem document when it fails.
 *
 * Register it before your routes; routes declared earlier are served as before, without it.
 */
async function pipeline (app: FastifyInstance, options: PipelineOptions): Promise<void> {
  const {
    registry,
    tracer,
    logger,
    accessLog,
    admission,
    source,
    metricsPath,
    limiter,
    idempotency,
    cache: cacheOptions,
    ...forRoutes
  } = resolvePipelineOptions(options, app.initialConfig.bodyLimit ?? 1_048_576)
  const { clock, random } = source
  const recorder = new Recorder({ registry, accessLog, random })
  const callers = await openCallerChecks(options, { registry, clock, random })
  const cache = cacheOptions === undefined ? undefined : new CacheHolder({
    options: cacheOptions,
    knows: { tenant: source.tenantOf !== undefined, user: source.userOf !== undefined },
    registry,
    clock,
    log: () => logger ?? app.log,
  })
  const compiler = new RouteCompiler({
    ...forRoutes,
    cache,
    limiter,
    idempotency,
    callers,
    durations: recorder.durations,
    admission,
  })
  const path = new RequestPath({
    source,
    recorder,
    tracer,
    logger,
    admission,
    callers,
    unmatched: compiler.unmatched(),
    refresher: new Refresher(app),
  })

  acceptMessagePack(app)
  app.decorate('metrics', registry)
  app.decorate('cache', { getter: () => appCache(app, cache) })
  // A reference type needs a getter here; each request gets its own in `arrive`.
  app.decorateRequest('context', null as unknown as Context)
  for (const name of ['agent', 'bot', 'verification', 'idempotency'] as const) {
    app.decorateRequest(name, {
      getter (this: FastifyRequest) {
        return (this.context as RequestUnit | null)?.[name]
      },
    })
  }
  app.decorateRequest('fields', {
    getter (this: FastifyRequest): FieldMask | undefined {
      return fieldsOf(this)
    },
  })
  app.decorateRequest('pressure', {
    getter (this: FastifyRequest): Pressure {
      const admissionClass = (this.context as RequestUnit | null)?.routePlan.admissionClass
      return admissionClass === undefined ? 0 : admission?.pressure(admissionClass) ?? 0
    },
  })
  app.decorateRequest(
    'transaction',
    async function transact<Result> (this: FastifyRequest, work: (tx: Transaction) => Promise<Result>) {
      const unit = this.context as RequestUnit
      if (unit.idempotency !== undefined) return runIdempotently(unit, work)
      const transactions = idempotency?.transactions
      if (transactions === undefined)
        throw new Error(
          'request.transaction is there where idempotency keys are kept in PostgreSQL; elsewhere use `transaction(pool, work)` of plimsoll/data'
        )
      return transactions.run(work)
    }
  )
  app.setGenReqId(requestIds(random))
  app.addHook('onRoute', (route) => compiler.compile(route))
  app.addHook('onRequest', (request, reply, done) => path.arrive(request, reply, done))
  if (options.reads !== undefined) readConsistently(app, options.reads)
  app.addHook('onReady', async () => compiler.usesKeys ? idempotency?.prepare() : undefined)
  app.addHook('onClose', async () => {
    cache?.close()
    await limiter.close()
  })
  if (admission !== undefined) app.server.on('connection', () => admission.connected())

  app.setErrorHandler(function answerProblem (error: FastifyError, request, reply) {
    if (error instanceof AnsweredElsewhere) return sendStored(error.answer, request.context as RequestUnit)
    const problem = problemOf(error)
    const retryAfter = retryAfterOf(error)
    if (retryAfter !== undefined) void reply.header('retry-after', retryAfter)
    // What refuses and says when to come back has not failed: it is counted there, and a line each would be one too many.
    if (problem.statusCode >= 500 && (retryAfter === undefined || error instanceof Problem)) {
      request.log.error({ err: error, code: problem.code }, 'request failed')
      if (request.context instanceof RequestUnit) request.context.span?.fail(error)
    }
    return sendProblem(problem, request, reply)
  })
  app.setNotFoundHandler(function answerNotFound (request, reply) {
    const detail = `${request.method} ${request.url.split('?', 1)[0]} is not a route of this service`
    return sendProblem(new Problem(requestProblems.ROUTE_NOT_FOUND, { detail }), request, reply)
  })

  if (metricsPath !== undefined) serveMetrics(app, registry, metricsPath)
}

function serveMetrics (app: FastifyInstance, registry: MetricsRegistry, path: string): void {
  app.get(path, { schema: { hide: true } as object }, (request, reply) => {
    const { format, contentType } = metricsFormat(request.headers.accept)
    reply.header('content-type', contentType)
    return reply.send(Readable.from(renderMetrics(registry.snapshot(), format)))
  })
}

/** The plugin, for `app.register(plimsoll)`. */
export const plimsoll: FastifyPluginAsync<PipelineOptions> = fastifyPlugin(pipeline, {
  name: 'plimsoll',
  fastify: '5.x',
})
