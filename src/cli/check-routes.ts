import { localEngine } from '../engines/index.ts'
import { Lifecycle } from '../kernel/index.ts'
import { Health } from '../serve/health/index.ts'
import { buildApp, type Service } from '../serve/service/index.ts'
import type { Settings } from '../serve/settings/index.ts'
import { createLogger, MetricsRegistry, Tracer } from '../telemetry/index.ts'
import type { Verdict } from './verdict.ts'

/**
 * Whether the routes and their schemas compile. The app is built as a worker builds it, but without what it
 * needs from outside: database, Redis and compute threads are stand-ins that refuse to be used, no migration
 * is applied, and it is not warmed.
 */
export async function checkRoutes (service: Service, settings: Settings): Promise<Verdict> {
  await using lifecycle = new Lifecycle()
  const local = localEngine()
  await lifecycle.start({ name: 'local', close: () => local.close() })
  const tracer = new Tracer({ sampleRatio: 0 })
  await lifecycle.start({ name: 'tracer', close: () => tracer.close() })
  const app = await buildApp(withStandIns(service), {
    settings,
    telemetry: { registry: new MetricsRegistry(), tracer, logger: createLogger({ level: 'silent' }) },
    health: new Health({}),
    local: await local.connect(),
    lifecycle,
    onProgress: () => {},
  })
  const count =
    app.printRoutes({ commonPrefix: false }).split('\n').filter((line) => line.includes('(')).length
  return `${count === 1 ? '1 route compiles' : `${count} routes compile`}, with all schemas`
}

function withStandIns (service: Service): Service {
  const { database, redis, compute, routes } = service
  if (routes === undefined) return service
  const declared = Object.entries({
    data: database !== undefined,
    redis: redis === true,
    compute: compute !== undefined,
  })
  return {
    ...service,
    database: undefined,
    redis: false,
    compute: undefined,
    warm: undefined,
    async routes (app) {
      // The app's own say that nothing was declared; these are nearer to the routes.
      for (const [name, isDeclared] of declared) {
        if (isDeclared) app.decorate(name, { getter: () => standIn(name) })
      }
      await routes(app)
    },
  }
}

/** May be handed around, but not used. */
function standIn (name: string): unknown {
  const refuse = (): never => {
    throw new Error(
      `routes must not use app.${name} while they are declared: plimsoll check has none; use warm`
    )
  }
  return new Proxy(function () {}, { get: refuse, apply: refuse })
}
