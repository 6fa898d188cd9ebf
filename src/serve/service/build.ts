import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { RequestListener, Server } from 'node:http'
import { postgresEngine, redisEngine } from '../../engines/index.ts'
import { SettingError } from '../../kernel/index.ts'
import { healthRoutes } from '../health/index.ts'
import { answerClientError, type Listener } from '../listen/index.ts'
import { plimsoll, problemOf, sendProblem } from '../pipeline/index.ts'
import type { ServiceEnvironment } from './environment.ts'
import { describe, ServiceLoadError } from './load.ts'
import { serveApiDocument } from './openapi.ts'
import type { Service, ServiceApp, ServiceDatabase } from './service.ts'

/**
 * Makes the app of a service, ready to be listened on: engines connected, migrations applied, routes
 * compiled, warmed. What it opened is closed by the environment's lifecycle.
 *
 * @throws ServiceLoadError when the routes do not compile; what an engine or a migration throws
 */
export async function buildApp (service: Service, environment: ServiceEnvironment): Promise<FastifyInstance> {
  const { settings, telemetry, health, lifecycle, onProgress } = environment
  const { registry, tracer, logger, accessLog } = telemetry
  const app = newApp(environment)
  // Fastify's own logger is off, since it makes a child logger a request; ours finds the ids by itself.
  app.log = logger
  await app.register(plimsoll, {
    registry,
    tracer,
    logger,
    ...(accessLog === undefined ? {} : { accessLog }),
  })

  await provide(app, service, environment)
  if (settings.health.onServicePort) await app.register(healthRoutes(health))
  if (settings.openapi.page) await serveApiDocument(app, service)
  await addRoutes(app, service)
  await lifecycle.start({ name: 'app', close: () => app.close() })
  if (service.warm !== undefined) {
    onProgress('warming up')
    await service.warm(app as unknown as ServiceApp)
  }
  return app
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

/** Opens what the service asks for; asking for the rest is an error that says how to ask. */
async function provide (
  app: FastifyInstance,
  service: Service,
  environment: ServiceEnvironment
): Promise<void> {
  const { settings, lifecycle, telemetry, local } = environment
  app.decorate('local', local)
  app.decorate('health', environment.health)
  if (service.database === undefined) absent(app, 'data', 'database: { schema, migrations }')
  else await provideDatabase(app, service.name, service.database, environment)

  if (service.redis !== true) absent(app, 'redis', 'redis: true')
  else await provideRedis(app, environment)

  if (service.compute === undefined)
    return absent(app, 'compute', "compute: new URL('./tasks.ts', import.meta.url)")
  // Loaded by services that compute, so that the others start without it.
  const { openCompute } = await import('../compute/index.ts')
  const { threads, queue } = settings.compute
  const compute = await openCompute({
    module: service.compute,
    queue,
    registry: telemetry.registry,
    onThreadLost: (error) => telemetry.logger.error({ err: error }, 'a compute thread was lost'),
    ...(threads === 'auto' ? {} : { threads }),
  })
  await lifecycle.start({ name: 'compute', close: () => compute.close() })
  app.decorate('compute', compute.run.bind(compute))
}

async function provideDatabase (
  app: FastifyInstance,
  name: string,
  { schema, migrations, seed }: ServiceDatabase,
  { settings, health, lifecycle, onProgress }: ServiceEnvironment
): Promise<void> {
  const { url, poolSize, seed: seeding } = settings.database
  if (url === undefined || url === 'embedded') {
    const rule = `the URL of a PostgreSQL, since the service "${name}" declares a database ` +
      '(or "embedded", which `plimsoll dev` and `plimsoll serve` start for you)'
    throw new SettingError('database.url', rule, url)
  }
  const engine = postgresEngine({ url, poolSize, schema, applicationName: `plimsoll ${name}` })
  await lifecycle.start({ name: 'postgres', close: () => engine.close() })
  const pool = await engine.connect()
  onProgress('applying migrations')
  // Loaded by services with a database, so that the others start without it.
  const { migrate } = await import('../../data/index.ts')
  await migrate({
    pool,
    schema,
    directory: migrations,
    ...(seed !== undefined && seeding === 'always' ? { seed } : {}),
    onProgress: ({ done, total, name }) => onProgress(`migration ${name}`, total === 0 ? 1 : done / total),
  })
  health.addCheck({ name: 'postgres', run: (signal) => engine.check(signal) })
  app.decorate('data', pool)
}

async function provideRedis (
  app: FastifyInstance,
  { settings, health, lifecycle }: ServiceEnvironment
): Promise<void> {
  const { url } = settings.redis
  if (url === undefined)
    throw new SettingError('redis.url', 'set, since the service declares `redis: true`', url)
  const engine = redisEngine({ url })
  await lifecycle.start({ name: 'redis', close: () => engine.close() })
  app.decorate('redis', await engine.connect())
  health.addCheck({ name: 'redis', run: (signal) => engine.check(signal) })
}

function absent (app: FastifyInstance, name: 'data' | 'redis' | 'compute', declaration: string): void {
  app.decorate(name, {
    getter (): never {
      throw new Error(`app.${name} is there when the service declares it: defineService({ ${declaration} })`)
    },
  })
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
