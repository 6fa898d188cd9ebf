import type {
  FastifyError,
  FastifyInstance,
  FastifyPluginAsync,
  FastifyReply,
  FastifyRequest,
  RouteOptions,
} from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { type Context, enterContext, Problem, problemMediaType, runWithContext } from '../../kernel/index.ts'
import { metricsFormat, type MetricsRegistry, renderMetrics } from '../../telemetry/index.ts'
import { type PipelineOptions, resolvePipelineOptions, type RouteSettings } from './options.ts'
import { requestProblems } from './problem-kinds.ts'
import { problemOf } from './problem-of.ts'
import { Recorder } from './recorder.ts'
import { RequestContext } from './request-context.ts'
import { requestIdHeader, requestIds } from './request-id.ts'
import { planOf, planRoute, RoutePlan } from './route-plan.ts'

declare module 'fastify' {
  interface FastifyContextConfig extends RouteSettings {
    [planOf]?: RoutePlan
  }

  interface FastifyRequest {
    /** The unit of work that this request is. */
    context: Context
  }

  interface FastifyInstance {
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
  const { registry, tracer, logger, accessLog, tenantOf, metricsPath, clock, random } =
    resolvePipelineOptions(options)
  const recorder = new Recorder({ registry, accessLog, clock, random })
  const unmatched = new RoutePlan(recorder.durations, '', 'normal', Number.POSITIVE_INFINITY)
  const source = { clock, random, tenantOf }

  app.decorate('metrics', registry)
  // A reference type needs a getter here; each request gets its own in `arrive`.
  app.decorateRequest('context', null as unknown as Context)
  app.setGenReqId(requestIds(random))

  app.addHook('onRoute', function compile (route: RouteOptions) {
    route.config = { ...route.config, [planOf]: planRoute(route, recorder.durations) }
  })

  // Stages arrive and identify. One hook for all, because each hook more costs every request.
  app.addHook('onRequest', function arrive (request, reply, done) {
    const plan = request.routeOptions.config[planOf] ?? unmatched
    const context = new RequestContext(source, request, plan)
    request.context = context
    reply.header(requestIdHeader, request.id)
    if (logger !== undefined) request.log = reply.log = logger

    const { traceparent } = request.raw.headers
    const caller = typeof traceparent === 'string' && saysSampled(traceparent) ? context.caller() : undefined
    if (caller !== undefined || (traceparent === undefined && tracer.decide())) {
      context.span = recorder.startSpan(tracer, request, plan, caller)
    }
    recorder.begin(request, reply, context)
    // An injected request runs inside the code that injected it, whose context must not become this one.
    if (!(request.raw instanceof IncomingMessage)) return runWithContext(context, done)
    enterContext(context)
    done()
  })

  app.setErrorHandler(function answerProblem (error: FastifyError, request, reply) {
    const problem = problemOf(error)
    if (problem.statusCode >= 500) {
      request.log.error({ err: error, code: problem.code }, 'request failed')
      if (request.context instanceof RequestContext) request.context.span?.fail(error)
    }
    return sendProblem(problem, request, reply)
  })
  app.setNotFoundHandler(function answerNotFound (request, reply) {
    const detail = `${request.method} ${request.url.split('?', 1)[0]} is not a route of this service`
    return sendProblem(new Problem(requestProblems.ROUTE_NOT_FOUND, { detail }), request, reply)
  })

  if (metricsPath !== undefined) serveMetrics(app, registry, metricsPath)
}

/** The last flag bit, read without parsing the rest; what is sampled is then parsed in full. */
function saysSampled (traceparent: string): boolean {
  return (traceparent.charCodeAt(54) & 1) === 1
}

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
