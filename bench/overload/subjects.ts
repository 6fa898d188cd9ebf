import { fileURLToPath } from 'node:url'
import { findTool, peersFolder, plimsollServe, type ServerCommand } from '../harness/index.ts'
import { workEnv, type WorkOptions } from './work.ts'

/** One server that is overloaded. */
export interface OverloadSubject {
  readonly name: string
  readonly command: ServerCommand
}

export const names = {
  served: 'Plimsoll, served',
  nodeHttp: 'node:http',
  fastify: 'Fastify',
  connections: 'node:http, 50 connections',
  pressure: 'Fastify + under-pressure',
  cap: 'Fastify + 20 in flight',
  gunicorn: 'Flask on gunicorn, 50 connections',
} as const

/** @param python the iterations that take Python a millisecond; `undefined` when Flask or gunicorn is missing */
export function overloadSubjects (work: WorkOptions, python: number | undefined): readonly OverloadSubject[] {
  const env = workEnv(work)
  const node = (name: string, file: string, ...args: readonly string[]): OverloadSubject => ({
    name,
    command: { argv: [process.execPath, ...flags, file, ...args], env },
  })
  return [
    {
      name: names.served,
      command: {
        ...plimsollServe(new URL('service.ts', import.meta.url), { workers: 1, flags: ['--admin', 'off'] }),
        env,
      },
    },
    node(names.nodeHttp, own('node-http-main.ts')),
    node(names.fastify, own('fastify-main.ts')),
    node(names.connections, own('node-http-main.ts'), '50'),
    node(names.pressure, `${peersFolder}/overload-under-pressure.js`),
    node(names.cap, own('fastify-main.ts'), '20'),
    ...(python === undefined ? [] : [gunicorn({ ...work, iterationsPerMs: python })]),
  ]
}

/** One gevent worker, 50 connections and a short backlog; it has `/cpu` alone. */
function gunicorn (work: WorkOptions): OverloadSubject {
  const program = findTool('gunicorn') ?? 'gunicorn'
  const limits = ['--worker-connections', '50', '--backlog', '64', '--keep-alive', '1']
  return {
    name: names.gunicorn,
    command: {
      argv: [
        program,
        '--bind',
        '127.0.0.1:0',
        '--workers',
        '1',
        '--worker-class',
        'gevent',
        ...limits,
        'overload_wsgi:app',
      ],
      cwd: peersFolder,
      env: workEnv(work),
      addressIn (line) {
        const [, host, port] = /Listening at: http:\/\/([\d.]+):(\d+)/.exec(line) ?? []
        return host === undefined ? undefined : { host, port: Number(port) }
      },
    },
  }
}

const flags = ['--conditions=plimsoll-source', '--disable-warning=ExperimentalWarning']

function own (file: string): string {
  return fileURLToPath(new URL(file, import.meta.url))
}
