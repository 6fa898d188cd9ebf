import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, get, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { SupervisorEvent } from '../../src/serve/runtime/index.ts'

type EventOf<Kind extends SupervisorEvent['kind']> = Extract<SupervisorEvent, { kind: Kind }>

/** Far above what any wait takes; a test that reaches it has failed. */
const patienceMs = 60_000

export interface RunOptions {
  /** Source of the module that is served. */
  readonly module?: string
  readonly flags?: Readonly<Record<string, string>>
  readonly watch?: boolean
  /** The module is a service for the real worker. @default false: it is one for the fixture's */
  readonly service?: boolean
}

/** Answers any path; `/slow` takes a second, `/stuck` never comes back, `/throw` ends the process. */
export const plainModule = `
export default ({ generation, slot }) => (request, response) => {
  if (request.url === '/stuck') spinForEver()
  if (request.url === '/throw') setImmediate(() => { throw new Error('thrown on purpose') })
  else if (request.url === '/hang') return
  else if (request.url === '/slow') setTimeout(() => response.end('slow'), 1000)
  else response.end(JSON.stringify({ generation, slot, pid: process.pid }))
}
function spinForEver () { for (let n = 0; ; n++) if (n < 0) return }
`

/** A supervisor in a process of its own, with all that it has told so far. */
export class Running implements AsyncDisposable {
  readonly events: SupervisorEvent[] = []
  readonly directory: string
  readonly process: ChildProcess
  readonly exited: Promise<number | string>
  stderr = ''
  readonly #wake = new Set<() => void>()

  constructor ({ module = plainModule, flags = {}, watch = false, service = false }: RunOptions = {}) {
    this.directory = mkdtempSync(join(tmpdir(), 'plimsoll-runtime-'))
    this.writeModule(module)
    this.writeFlags(flags)
    this.process = spawn(process.execPath, [
      '--conditions=plimsoll-source',
      fileURLToPath(new URL('supervisor.fixture.ts', import.meta.url)),
      pathToFileURL(join(this.directory, 'app', 'service.mjs')).href,
    ], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        FIXTURE_FLAGS: join(this.directory, 'flags.json'),
        FIXTURE_WATCH: watch ? '1' : '0',
        FIXTURE_SERVICE: service ? '1' : '0',
      },
    })
    // A supervisor that does not end fails its test, rather than keep it waiting.
    const overdue = setTimeout(() => this.process.kill('SIGKILL'), 2 * patienceMs)
    void once(this.process, 'exit').then(() => clearTimeout(overdue))
    this.exited = once(this.process, 'exit').then(([code, signal]) => {
      for (const wake of this.#wake) wake()
      return (signal ?? code) as number | string
    })
    createInterface({ input: this.process.stdout! }).on('line', (line) => {
      if (!line.startsWith('{"kind"')) return
      this.events.push(JSON.parse(line) as SupervisorEvent)
      for (const wake of this.#wake) wake()
    })
    this.process.stderr!.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString()
    })
  }

  /** The module from the next worker on. */
  writeModule (source: string): void {
    const app = join(this.directory, 'app')
    mkdirSync(app, { recursive: true })
    writeFileSync(join(app, 'service.mjs'), source)
  }

  /** Settings from the next reload on. */
  writeFlags (flags: Readonly<Record<string, string>>): void {
    const all = {
      listen: '127.0.0.1:0',
      admin: 'off',
      workers: '2',
      'drain-idle': '100ms',
      // A machine that is busy with other tests is neither stuck nor booting in vain.
      'boot-timeout': '2m',
      'heartbeat-stuck-after': '1m',
      'state-directory': join(this.directory, 'state'),
      ...flags,
    }
    writeFileSync(join(this.directory, 'flags.json'), JSON.stringify(all))
  }

  /** The `count`th event of a kind, told already or to come. */
  async event<Kind extends SupervisorEvent['kind']> (
    kind: Kind,
    { count = 1, where = () => true }: { count?: number; where?: (event: EventOf<Kind>) => boolean } = {}
  ): Promise<EventOf<Kind>> {
    let found: EventOf<Kind> | undefined
    await this.until(`event ${kind} (${count})`, () => {
      found = this.told(kind).filter(where)[count - 1]
      return found !== undefined
    })
    return found!
  }

  /** All events of a kind so far. */
  told<Kind extends SupervisorEvent['kind']> (kind: Kind): EventOf<Kind>[] {
    return this.events.filter((event): event is EventOf<Kind> => event.kind === kind)
  }

  async until (what: string, holds: () => boolean): Promise<void> {
    const overdue = AbortSignal.timeout(patienceMs)
    while (!holds()) {
      if (overdue.aborted || this.process.exitCode !== null) {
        throw new Error(
          `${what}: did not come\n${
            this.events.map((event) => JSON.stringify(event)).join('\n')
          }\n${this.stderr}`
        )
      }
      const next = Promise.withResolvers<void>()
      this.#wake.add(next.resolve)
      await Promise.race([next.promise, delay(50)])
      this.#wake.delete(next.resolve)
    }
  }

  signal (signal: NodeJS.Signals): void {
    this.process.kill(signal)
  }

  async origin (): Promise<URL> {
    const { addresses } = await this.event('listening')
    return new URL(`http://${addresses[0]}`)
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    const pids = new Set(
      this.events.flatMap((event) => 'pid' in event && event.kind !== 'started' ? [event.pid] : [])
    )
    if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill('SIGTERM')
    const killer = setTimeout(() => this.process.kill('SIGKILL'), 5_000)
    await this.exited
    clearTimeout(killer)
    await waitUntil('workers are gone', () => [...pids].every((pid) => !isAlive(pid)))
    rmSync(this.directory, { recursive: true, force: true })
  }
}

export function isAlive (pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Polls a condition of real processes. */
export async function waitUntil (what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const overdue = AbortSignal.timeout(patienceMs)
  while (!await holds()) {
    if (overdue.aborted) throw new Error(`${what}: it did not come to that`)
    await delay(20)
  }
}

/** One request; rejects when it is not answered whole. */
export function fetchText (url: URL, agent?: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { agent: agent ?? false }, (response: IncomingMessage) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => response.complete ? resolve(text) : reject(new Error('the answer was cut')))
      response.on('error', reject)
    }).on('error', reject)
  })
}
