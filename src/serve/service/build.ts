import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { RequestListener, Server } from 'node:http'
import { healthRoutes } from '../health/index.ts'
import { answerClientError, type Listener } from '../listen/index.ts'
import { plimsoll, problemOf, sendProblem } from '../pipeline/index.ts'
import type { ServiceEnvironment } from './environment.ts'
import { describe, ServiceLoadError } from './load.ts'
import { openEngines } from './open-engines.ts'
import { serveApiDocument } from './openapi.ts'
import { protection } from './protection.ts'
import { provide } from './provide.ts'
import type { Service, ServiceApp } from './service.ts'
import {
  openWork,
  refuseExports,
  respondByExports,
  serveExports,
  serveJobs,
  type ServiceWork,
} from './work/index.ts'

/** A service in this process. */
export interface BuiltService {
  readonly app: FastifyInstance
  /** What it does behind its requests; to be started once they are listened for. */
  readonly work: ServiceWork
}

/** As {@link buildService}, where nothing is worked on behind the requests. */
export async function buildApp (service: Service, environment: ServiceEnvironment): Promise<FastifyInstance> {
  return (await buildService(service, environment)).app
}

/**
 * Makes the app of a service, ready to be listened on: engines connected, migrations applied, routes
 * compiled, warmed. What it opened is closed by the environment's lifecycle.
 *
 * @throws ServiceLoadError when the routes do not compile; what an engine or a migration throws
 */
export async function buildService (
  service: Service,
  environment: ServiceEnvironment
): Promise<BuiltService> {
  const { settings, telemetry, health, lifecycle, onProgress } = environment
  const { registry, tracer, logger, accessLog } = telemetry
  const app = newApp(environment)
  // Fastify's own logger is off, since it makes a child logger a request; ours finds the ids by itself.
  app.log = logger
  const engines = await openEngines(service, environment)
  const work = await openWork(service, environment, { data: engines.data, app })
  const { jobs, exports } = work.handles
  const asyncResponder = exports === undefined ?
    {} :
    { asyncResponder: await respondByExports(exports, service) }
  await app.register(plimsoll, {
    registry,
    tracer,
    logger,
    ...(accessLog === undefined ? {} : { accessLog }),
    payload: { ...service.payload, ...asyncResponder },
    ...await protection(service, environment, engines),
  })
  provide(app, environment, { ...engines, ...work.handles })
  if (settings.health.onServicePort) await app.register(healthRoutes(health))
  if (settings.openapi.page) await serveApiDocument(app, service)
  if (jobs !== undefined)
    serveJobs(app, { jobs, path: service.jobsPath ?? '/jobs', streams: settings.work.streams, registry })
  if (exports === undefined) refuseExports(app)
  else await serveExports(app, exports, service)
  await addRoutes(app, service)
  await lifecycle.start({ name: 'app', close: () => app.close() })
  if (service.warm !== undefined) {
    onProgress('warming up')
    await service.warm(app as unknown as ServiceApp)
  }
  return { app, work }
}

function newApp ({ settings, listener }: ServiceEnvironment): FastifyInstance {
  const { limits, trustProxy, http2 } = settings
  const app = Fastify(
    {
      logger: false,
      bodyLimit: limits.bodySize,
      trustProxy: trustProxy.length === 0 ? false : [...trustProxy],
      // The drain tells clients itself, and answers what still arrives.
      return503OnClosing: false,
      // An unknown field is an error that names it, not something to drop in silence.
      ajv: { customOptions: { removeAdditional: false } },
      clientErrorHandler: answerClientError,
      frameworkErrors (error: Error, request: FastifyRequest, reply: FastifyReply) {
        void sendProblem(problemOf(error), request, reply)
      },
      ...(listener === undefined ? {} : { http2, serverFactory: serverFactoryOf(listener) }),
    } as Parameters<typeof Fastify>[0]
  )
  return app.withTypeProvider<TypeBoxTypeProvider>() as unknown as FastifyInstance
}

function serverFactoryOf (listener: Listener): (handler: RequestListener) => Server {
  return (handler) => listener.attach(handler) as Server
}

async function addRoutes (app: FastifyInstance, { name, routes, plugin }: Service): Promise<void> {
  try {
    if (routes !== undefined) await app.register(async (scope) => routes(scope as unknown as ServiceApp))
    else if (plugin !== undefined) await app.register(plugin)
    await app.ready()
  } catch (error) {
    throw new ServiceLoadError(
      'SERVICE_FAILED',
      name,
      `the service "${name}" failed to start: ${describe(error)}`,
      error
    )
  }
}
