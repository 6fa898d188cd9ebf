import type { FastifyInstance } from 'fastify'
import type { Jobs } from '../../work/jobs/index.ts'
import type { ServiceEnvironment } from './environment.ts'
import type { Engines } from './open-engines.ts'

/** What routes can ask for. */
export interface Provided extends Engines {
  readonly jobs: Jobs | undefined
}

/** Gives the routes what the service asks for; asking for the rest is an error that says how to. */
export function provide (
  app: FastifyInstance,
  { local, health }: ServiceEnvironment,
  { data, reads, cursors, redis, compute, jobs }: Provided
): void {
  app.decorate('local', local)
  app.decorate('health', health)
  if (data === undefined) absent(app, 'data', 'database: { schema, migrations }')
  else app.decorate('data', data)
  if (reads === undefined) absent(app, 'reads', 'database: { schema, migrations }')
  else app.decorate('reads', reads)
  if (cursors === undefined) absent(app, 'cursors', 'database: { schema, migrations }')
  else app.decorate('cursors', cursors)
  if (jobs === undefined) absent(app, 'jobs', 'database: { schema, migrations }, jobs: [...]')
  else app.decorate('jobs', jobs)
  if (redis === undefined) absent(app, 'redis', 'redis: true')
  else app.decorate('redis', redis)
  if (compute === undefined) absent(app, 'compute', "compute: new URL('./tasks.ts', import.meta.url)")
  else app.decorate('compute', compute.run.bind(compute))
}

function absent (
  app: FastifyInstance,
  name: 'data' | 'reads' | 'cursors' | 'redis' | 'compute' | 'jobs',
  declaration: string
): void {
  app.decorate(name, {
    getter (): never {
      throw new Error(`app.${name} is there when the service declares it: defineService({ ${declaration} })`)
    },
  })
}
