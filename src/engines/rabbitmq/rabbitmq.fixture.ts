import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type EngineProgram, engineProgram } from '../engine-program.fixture.ts'
import { testPort } from '../test-port.fixture.ts'
import { waitUntil } from '../wait-until.fixture.ts'

export const rabbitmqProgram: EngineProgram = engineProgram(
  'rabbitmq-server',
  'apt-get install rabbitmq-server'
)

/** Debian's own command on the PATH runs only as root or as its user, and drops what it is told; this one does not. */
const debianScript = '/usr/lib/rabbitmq/bin/rabbitmq-server'

export interface TestRabbitmq extends AsyncDisposable {
  readonly port: number
  readonly user: string
  readonly password: string
  readonly url: string
  /** Ends the server without a word, as a power cut does. */
  kill(): Promise<void>
  /** On the same port, with what it had stored. */
  start(): Promise<void>
  /** The process of the server itself stands still, with its sockets open, until `proceed`. */
  pause(): void
  proceed(): void
}

/** A node of its own, with its own name, ports, folder and name daemon. A start takes a few seconds. */
export async function testRabbitmq (settings: readonly string[] = []): Promise<TestRabbitmq> {
  const [port, distPort, epmdPort] = [await testPort(), await testPort(), await testPort()]
  const [user, password] = ['plimsoll', 's3cret-word']
  const folder = await mkdtemp(join(tmpdir(), 'plimsoll-rabbitmq-'))
  await writeFile(
    join(folder, 'rabbitmq.conf'),
    [
      `listeners.tcp.1 = 127.0.0.1:${port}`,
      `default_user = ${user}`,
      `default_pass = ${password}`,
      'log.file = false',
      'log.console = true',
      // Else a fixture on a nearly full disk would take no message.
      'disk_free_limit.absolute = 1MB',
      ...settings,
      '',
    ].join('\n')
  )
  await writeFile(join(folder, 'plugins'), '[].\n')
  const env = {
    ...process.env,
    HOME: folder,
    ERL_EPMD_PORT: String(epmdPort),
    RABBITMQ_NODENAME: `plimsoll-${port}@localhost`,
    RABBITMQ_DIST_PORT: String(distPort),
    RABBITMQ_MNESIA_BASE: join(folder, 'data'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'plugins'),
    RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq.conf'),
    // One scheduler that does not spin: tests run beside it.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+S 1:1 +sbwt none',
  }
  // Erlang would leave this daemon behind for ever; started here, it is ended here.
  const names = spawn('epmd', ['-port', String(epmdPort)], { stdio: 'ignore', env })
  let server: ChildProcess | undefined

  async function start (): Promise<void> {
    const program = existsSync(debianScript) ? debianScript : rabbitmqProgram.path
    // A group of its own: the script starts the server as a child.
    const started = spawn(program, [], { stdio: ['ignore', 'pipe', 'pipe'], env, detached: true })
    server = started
    let said = ''
    for (const stream of [started.stdout, started.stderr]) stream.on('data', (part) => said += part)
    await waitUntil('rabbitmq-server is ready', () => {
      if (started.exitCode !== null) throw new Error(`rabbitmq-server ended: ${said.slice(-2_000)}`)
      return said.includes('Server startup complete')
    }, 120_000)
  }

  function signal (name: NodeJS.Signals): void {
    if (server?.pid !== undefined) process.kill(-server.pid, name)
  }

  async function kill (): Promise<void> {
    const running = server
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return
    const exited = once(running, 'close')
    signal('SIGKILL')
    server = undefined
    await exited
  }

  async function end (): Promise<void> {
    await kill()
    const exited = once(names, 'exit')
    names.kill('SIGKILL')
    await exited
    await rm(folder, { recursive: true, force: true })
  }

  try {
    await start()
  } catch (error) {
    // Nobody else would: its group and the daemon would be left, and keep the test's process waiting.
    await end()
    throw error
  }
  return {
    port,
    user,
    password,
    url: `amqp://${user}:${password}@127.0.0.1:${port}`,
    kill,
    start,
    pause: () => signal('SIGSTOP'),
    proceed: () => signal('SIGCONT'),
    async [Symbol.asyncDispose] () {
      signal('SIGCONT')
      await end()
    },
  }
}
