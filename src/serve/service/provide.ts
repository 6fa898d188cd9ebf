import type { FastifyInstance } from 'fastify'
import type { ServiceEnvironment } from './environment.ts'
import type { Engines } from './open-engines.ts'
import type { WorkHandles } from './work/index.ts'

/** What routes find on the app when the service declares it, and by which declaration. */
const declarations = {
  data: 'database: { schema, migrations }',
  reads: 'database: { schema, migrations }',
  cursors: 'database: { schema, migrations }',
  redis: 'redis: true',
  compute: "compute: new URL('./tasks.ts', import.meta.url)",
  jobs: 'database: { schema, migrations }, jobs: [...]',
  outbox: 'database: { schema, migrations }, events: [...]',
  consumers: 'database: { schema, migrations }, consumers: [...]',
  projections: 'database: { schema, migrations }, projections: [...]',
  sagas: 'database: { schema, migrations }, sagas: [...]',
  exports: 'database: { schema, migrations }, exports: [...]',
} as const satisfies Record<keyof Engines | keyof WorkHandles, string>

type Name = keyof typeof declarations

/** Gives the routes what the service asks for; asking for the rest is an error that says how to. */
export function provide (
  app: FastifyInstance,
  { local, health }: ServiceEnvironment,
  { compute, ...others }: Engines & WorkHandles
): void {
  app.decorate('local', local)
  app.decorate('health', health)
  const all: Readonly<Record<Name, unknown>> = { ...others, compute: compute?.run.bind(compute) }
  for (const [name, declaration] of Object.entries(declarations)) {
    const value = all[name as Name]
    if (value !== undefined) app.decorate(name, value)
    else app.decorate(name, { getter: (): never => absent(name, declaration) })
  }
}

function absent (name: string, declaration: string): never {
  throw new Error(`app.${name} is there when the service declares it: defineService({ ${declaration} })`)
}
