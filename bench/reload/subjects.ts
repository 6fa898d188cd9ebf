import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import {
  peersFolder,
  plimsollServe,
  processTree,
  scratchFolder,
  type Server,
  type ServerCommand,
} from '../harness/index.ts'
import type { LineWatch } from './line-watch.ts'
import type { TlsFiles } from './tls-files.ts'
import { waitUntil } from './wait-until.ts'

/** A runtime with two workers that can replace its code while it serves. */
export interface ReloadSubject {
  readonly name: string
  /** @param port a free port, for runtimes that cannot tell which they got; others choose their own */
  command(port: number, tls: TlsFiles | undefined): ServerCommand
  /** Replaces all workers; settles when the new ones serve and the old ones have been told to go. */
  reload(server: Server, lines: LineWatch): Promise<void>
}

const run = promisify(execFile)
const conditions = '--conditions=plimsoll-source'
const nodeOptions = `${conditions} --disable-warning=ExperimentalWarning`

/** Longer than any reload takes: one that does not end is an error of the benchmark. */
const reloadTimeoutMs = 120_000

export const plimsollSubject: ReloadSubject = {
  name: 'Plimsoll, SIGHUP',
  command (_port, tls) {
    const secure = tls === undefined ? [] : ['--tls-key', tls.key, '--tls-cert', tls.cert]
    return plimsollServe(new URL('routes.ts', import.meta.url), {
      workers: 2,
      flags: ['--admin', 'off', ...secure],
    })
  },
  async reload (server, lines) {
    const done = lines.next(/"event":"reload-(done|rolled-back)"/, reloadTimeoutMs)
    process.kill(server.pid, 'SIGHUP')
    const line = await done
    if (line.includes('rolled-back')) throw new Error(`the reload was rolled back: ${line}`)
  },
}

/** pm2 in cluster mode: `pm2 reload`, the app says `ready` and closes on SIGINT. */
export function pm2Subject (): ReloadSubject {
  const home = scratchFolder('pm2')
  const env = { PM2_HOME: home, PM2_DISABLE_VERSION_CHECK: 'true', NODE_OPTIONS: nodeOptions }
  const config = `${peersFolder}/pm2.config.cjs`
  let ready = 0
  return {
    name: 'pm2 cluster, reload',
    command (port, tls) {
      ready = 0
      return {
        argv: [process.execPath, `${peersFolder}/node_modules/pm2/bin/pm2-runtime`, 'start', config],
        env: { ...env, ...peerEnv(port, tls) },
        // pm2 says nothing of ports; both workers are up when both are online.
        addressIn: (line) => {
          if (/\[bench:\d+\] online/.test(line)) ready++
          return ready === 2 ? { host: '127.0.0.1', port } : undefined
        },
      }
    },
    async reload () {
      const pm2 = `${peersFolder}/node_modules/pm2/bin/pm2`
      await run(process.execPath, [pm2, 'reload', 'bench'], {
        env: { ...process.env, ...env },
        timeout: reloadTimeoutMs,
      })
    },
  }
}

/** Platformatic Watt: worker threads that share the port by SO_REUSEPORT. */
export const wattSubject: ReloadSubject = {
  name: 'Watt (reusePort), restart',
  command: (port, tls) => ({
    argv: [process.execPath, `${peersFolder}/node_modules/wattpm/bin/cli.js`, 'start'],
    cwd: `${peersFolder}/watt`,
    env: { ...peerEnv(port, tls), NODE_OPTIONS: nodeOptions, PLT_DISABLE_UPDATE_CHECK: 'true' },
    addressIn: (line) => (line.includes('is now listening at') ? { host: '127.0.0.1', port } : undefined),
  }),
  async reload (server) {
    const watt = `${peersFolder}/node_modules/wattpm/bin/cli.js`
    await run(process.execPath, [watt, 'restart', String(server.pid)], { timeout: reloadTimeoutMs })
  },
}

/** gunicorn with threads, which is what keep-alive needs there. @param gunicorn the program */
export function gunicornSubject (gunicorn: string): ReloadSubject {
  return {
    name: 'gunicorn gthread, HUP',
    command (port, tls) {
      const secure = tls === undefined ? [] : ['--keyfile', tls.key, '--certfile', tls.cert]
      const workers = ['--workers', '2', '--worker-class', 'gthread', '--threads', '64', '--keep-alive', '65']
      return {
        argv: [gunicorn, '--bind', `127.0.0.1:${port}`, ...workers, ...secure, 'reload_wsgi:app'],
        cwd: peersFolder,
        addressIn: (line) => (line.includes('Booting worker') ? { host: '127.0.0.1', port } : undefined),
      }
    },
    async reload (server) {
      const workersOf = (): readonly number[] => processTree(server.pid).filter((pid) => pid !== server.pid)
      const old = new Set(workersOf())
      process.kill(server.pid, 'SIGHUP')
      const replaced = (): boolean => {
        const now = workersOf()
        return now.length === 2 && now.every((pid) => !old.has(pid))
      }
      await waitUntil(replaced, reloadTimeoutMs, 'gunicorn to replace its workers')
    },
  }
}

function peerEnv (port: number, tls: TlsFiles | undefined): Record<string, string> {
  const env = { PORT: String(port) }
  return tls === undefined ? env : { ...env, TLS_KEY: tls.key, TLS_CERT: tls.cert }
}
