import type { Command } from './command.ts'
import { findModule } from './settle.ts'

/** `plimsoll serve`: a service in several workers, for production. */
export const serve: Command = {
  name: 'serve',
  operand: '[MODULE]',
  summary: 'Serves a module in several worker processes.',
  details: [
    'MODULE exports a service by default: defineService({ ... }), or a Fastify plugin. Without it, the only ' +
    'one of service.ts, service.js, app.ts and app.js in the working directory is served.',
    'Signals: HUP reloads (settings file included) without losing a request; TTIN and TTOU add and remove a ' +
    'worker; TERM and INT drain and stop, a second INT stops at once; USR2 writes the status to a file.',
    'The log goes to standard output. What happens to the service is told on standard error; with --json, ' +
    'as JSON lines on standard output.',
  ],
  examples: [
    ['plimsoll serve service.ts --listen 0.0.0.0:8080', 'all granted cores, one address'],
    ['plimsoll serve service.ts --listen unix:/run/shop.sock --workers 4', 'behind a proxy on this machine'],
    ['plimsoll serve service.ts --tls-key key.pem --tls-cert cert.pem --http2', 'TLS and HTTP/2'],
    ['kill -HUP PID', 'new code and settings, no request lost'],
  ],
  flags: [],
  mode: 'serve',
  async run (given, surroundings) {
    // What is only needed to run is loaded once there is something to run.
    const module = findModule(given, surroundings)
    const { launch } = await import('./launch.ts')
    return launch(module, given, surroundings, 'serve')
  },
}
