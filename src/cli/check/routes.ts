import { localEngine } from '../../engines/index.ts'
import { Lifecycle } from '../../kernel/index.ts'
import { Health } from '../../serve/health/index.ts'
import { buildApp, type Service } from '../../serve/service/index.ts'
import type { Settings } from '../../serve/settings/index.ts'
import { createLogger, MetricsRegistry, Tracer } from '../../telemetry/index.ts'
import type { Verdict } from './verdict.ts'

/**
 * Whether the routes and their schemas compile. The app is built as a worker builds it, but without what it
 * needs from outside: database, Redis, compute threads and all that lives in the database are stand-ins that refuse to
 * be used, no migration is applied, and it is not warmed. Routes that ask one of them while they are declared (resources
 * compare themselves with their tables) cannot be compiled so: the check is left out.
 */
export async function checkRoutes (service: Service, settings: Settings): Promise<Verdict> {
  await using lifecycle = new Lifecycle()
  const local = localEngine()
  await lifecycle.start({ name: 'local', close: () => local.close() })
  const tracer = new Tracer({ sampleRatio: 0 })
  await lifecycle.start({ name: 'tracer', close: () => tracer.close() })
  let called: string | undefined
  const asked = (name: string): void => {
    called ??= name
  }
  const building = buildApp(withStandIns(service, asked), {
    settings,
    telemetry: { registry: new MetricsRegistry(), tracer, logger: createLogger({ level: 'silent' }) },
    health: new Health({}),
    local: await local.connect(),
    lifecycle,
    compilesOnly: true,
    onProgress: () => {},
  })
  const app = await building.catch((error: unknown) => {
    if (called === undefined) throw error
    return undefined
  })
  if (app === undefined)
    return { skipped: `routes call app.${called} while they are declared, so they compile at the start only` }
  const count =
    app.printRoutes({ commonPrefix: false }).split('\n').filter((line) => line.includes('(')).length
  return `${count === 1 ? '1 route compiles' : `${count} routes compile`}, with all schemas`
}

function withStandIns (service: Service, asked: (name: string) => void): Service {
  const { database, redis, compute, routes, jobs, events, consumers, projections, sagas, exports } = service
  if (routes === undefined) return service
  const declared = Object.entries({
    data: database !== undefined,
    reads: database !== undefined,
    cursors: database !== undefined,
    redis: redis === true,
    compute: compute !== undefined,
    jobs: jobs !== undefined || sagas !== undefined || exports !== undefined,
    outbox: events !== undefined || consumers !== undefined || projections !== undefined,
    consumers: consumers !== undefined,
    projections: projections !== undefined,
    sagas: sagas !== undefined,
    exports: exports !== undefined,
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
        if (isDeclared) app.decorate(name, { getter: () => standIn(name, asked) })
      }
      await routes(app)
    },
  }
}

/** May be handed around and taken apart, as plugins do with what they are given, but not called. */
function standIn (name: string, asked: (name: string) => void): unknown {
  return new Proxy(function () {}, {
    // Whatever is awaited is asked for its `then`.
    get: (_, part) =>
      typeof part === 'symbol' || part === 'then' ? undefined : standIn(`${name}.${part}`, asked),
    apply () {
      asked(name)
      throw new Error(
        `there is no app.${name} while plimsoll checks; what must be asked at the start belongs into warm`
      )
    },
  })
}
