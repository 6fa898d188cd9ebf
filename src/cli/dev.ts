import type { Command } from './command.ts'
import { findModule } from './settle.ts'

/** `plimsoll dev`: everything in one terminal. */
export const dev: Command = {
  name: 'dev',
  operand: '[MODULE]',
  summary: 'Runs a module for development: one worker, reload on change, embedded PostgreSQL, API page.',
  details: [
    'MODULE exports a service by default: defineService({ ... }), or a Fastify plugin. Without it, the only ' +
    'one of service.ts, service.js, app.ts and app.js in the working directory is run.',
    'A service that declares a database gets a PostgreSQL of its own, unless --database-url or DATABASE_URL ' +
    'names one. Its data stay in the state directory over restarts; delete them to begin anew.',
  ],
  examples: [
    ['plimsoll dev service.ts', 'run, and say where things are'],
    ['plimsoll dev service.ts --listen 127.0.0.1:8080', 'at another address'],
    ['plimsoll dev service.ts --database-url postgres://me@localhost/shop', 'with a database of yours'],
  ],
  flags: [],
  mode: 'dev',
  async run (given, surroundings) {
    // What is only needed to run is loaded once there is something to run.
    const module = findModule(given, surroundings)
    const { launch } = await import('./launch.ts')
    return launch(module, given, surroundings, 'dev')
  },
}
