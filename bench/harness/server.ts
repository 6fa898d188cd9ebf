import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

export interface Address {
  readonly host: string
  readonly port: number
}

/** How a subject is started. */
export interface ServerCommand {
  /** Program and arguments. */
  readonly argv: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /**
   * Finds the address in a line of standard output or standard error.
   * @default `listening HOST:PORT`
   */
  readonly addressIn?: (line: string) => Address | undefined
}

export interface StartOptions {
  /** Put before the command: a pinning to a core. */
  readonly prefix?: readonly string[]
  /** @default 30,000 ms */
  readonly timeoutMs?: number
  /** Sees every line that the server prints. */
  readonly onLine?: (line: string) => void
}

/** The server ended, or said nothing, before it listened. */
export class ServerStartError extends Error {
  override readonly name = 'ServerStartError'
  readonly code = 'BENCH_SERVER_START'
}

const running = new Set<Server>()

// The benchmark may be ended at any time (Ctrl-C, an error): its servers end with it.
process.once('exit', () => {
  for (const server of running) server.signal('SIGKILL')
})

/** A server in a process (group) of its own. */
export class Server implements AsyncDisposable {
  readonly address: Address
  readonly pid: number
  readonly #child: ChildProcess

  constructor (child: ChildProcess, address: Address) {
    this.#child = child
    this.address = address
    this.pid = child.pid ?? 0
    running.add(this)
  }

  get exited (): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  /** Signals all processes that the server has started and that stayed in its group. */
  signal (name: NodeJS.Signals): void {
    signalGroup(this.#child, name)
  }

  /** Ends it: SIGTERM to the server, SIGKILL to the whole group after `graceMs`. */
  async stop (graceMs = 3_000): Promise<void> {
    if (!this.exited) {
      const exited = once(this.#child, 'exit')
      this.#child.kill('SIGTERM')
      const timer = setTimeout(() => this.signal('SIGKILL'), graceMs)
      await exited
      clearTimeout(timer)
    }
    this.signal('SIGKILL')
    running.delete(this)
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    await this.stop()
  }
}

/** @throws ServerStartError with the last lines that the server printed */
export async function startServer (command: ServerCommand, options: StartOptions = {}): Promise<Server> {
  const { prefix = [], timeoutMs = 30_000, onLine } = options
  const { addressIn = plainAddress } = command
  const [program = '', ...args] = [...prefix, ...command.argv]
  const child = spawn(program, args, {
    cwd: command.cwd,
    env: { ...process.env, NODE_ENV: 'production', ...command.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // its own group, so that nothing it starts is left behind
  })
  const last: string[] = []
  const { promise, resolve, reject } = Promise.withResolvers<Address>()
  const fail = (reason: string): void => {
    reject(new ServerStartError(`\`${command.argv.join(' ')}\` ${reason}\n${last.join('\n')}`))
  }
  const read = (line: string): void => {
    onLine?.(line)
    last.push(line)
    if (last.length > 30) last.shift()
    const address = addressIn(line)
    if (address !== undefined) resolve(address)
  }
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', read)
  child.once('error', (error) => fail(`cannot be started: ${error.message}`))
  child.once('close', (code, signal) => fail(`ended (${signal ?? code}) before it listened:`))
  const timer = setTimeout(() => fail(`did not listen within ${timeoutMs} ms:`), timeoutMs)
  try {
    return new Server(child, await promise)
  } catch (error) {
    signalGroup(child, 'SIGKILL')
    throw error
  } finally {
    clearTimeout(timer)
  }
}

/** `listening 127.0.0.1:40123`, as the benchmark's own programs print it. */
export function plainAddress (line: string): Address | undefined {
  const [, host, port] = /^listening (\S+):(\d+)$/.exec(line) ?? []
  return host === undefined ? undefined : { host, port: Number(port) }
}

function signalGroup (child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, name)
  } catch {
    // nobody is left in the group
  }
}
