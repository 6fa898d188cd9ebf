import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { testPort } from '../test-port.fixture.ts'
import { waitUntil } from '../wait-until.fixture.ts'

/** The first of them on the PATH, or undefined. */
export const redisProgram: string | undefined = ['redis-server', 'valkey-server'].find(
  (program) => spawnSync(program, ['--version']).status === 0
)

export const howToGetRedis = 'NOT RUN: there is no redis-server and no valkey-server on the PATH ' +
  '(Debian: apt-get install redis-server; macOS: brew install valkey)'

export interface TestRedis extends AsyncDisposable {
  readonly port: number
  readonly process: ChildProcess
}

/** A server in memory only, on a port of its own. */
export async function testRedis (password: string, port?: number): Promise<TestRedis> {
  if (redisProgram === undefined) throw new Error(howToGetRedis)
  const chosen = port ?? await testPort()
  const args = ['--bind', '127.0.0.1', '--port', String(chosen), '--save', '', '--requirepass', password]
  const server = spawn(redisProgram, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  server.stdout.on('data', (part) => said += part)
  await waitUntil('redis is ready', () => {
    if (server.exitCode !== null) throw new Error(`${redisProgram} ended: ${said}`)
    return said.includes('Ready to accept connections')
  })
  return {
    port: chosen,
    process: server,
    async [Symbol.asyncDispose] () {
      if (server.exitCode !== null || server.signalCode !== null) return
      const exited = once(server, 'exit')
      server.kill('SIGKILL')
      await exited
    },
  }
}
