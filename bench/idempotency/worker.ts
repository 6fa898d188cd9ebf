import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Fault } from './faults.ts'
import type { Ask, RecordMode, Said } from './protocol.ts'

const program = fileURLToPath(new URL('worker-main.ts', import.meta.url))

/** What a client gets for one request: an answer, a refusal, or nothing, because the worker went or hangs. */
export type Got =
  | { readonly kind: 'answer'; readonly body: string; readonly replayed: boolean }
  | { readonly kind: 'refused'; readonly code: string }
  | { readonly kind: 'lost' }

export interface WorkerOptions {
  readonly url: string
  readonly leaseMs: number
  readonly mode: RecordMode
  /** Where Node keeps compiled code from one worker to the next. */
  readonly cacheFolder: string
  /** Hears of answers that came after the client had given up. */
  readonly onLate: (key: string, body: string) => void
  /** Hears that it was killed by its fault. */
  readonly onKilled: () => void
}

interface Pending {
  readonly key: string
  readonly resolve: (got: Got) => void
}

let asked = 0

/** A real process that serves writes until it is killed. */
export class Worker {
  readonly ready: Promise<void>
  readonly #child: ChildProcess
  readonly #options: WorkerOptions
  readonly #pending: Map<number, Pending> = new Map()
  readonly #late: Map<number, Pending> = new Map()
  readonly #suffered: Set<number> = new Set()
  #gone = false
  #stopped = false

  constructor (options: WorkerOptions) {
    const { url, leaseMs, mode, cacheFolder } = this.#options = options
    this.#child = fork(program, [url, String(leaseMs), mode], {
      execArgv: ['--conditions=plimsoll-source'],
      env: { ...process.env, NODE_COMPILE_CACHE: cacheFolder },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.ready = promise
    this.#child.on('message', (said: Said) => said.kind === 'ready' ? resolve() : this.#hear(said))
    this.#child.once('exit', (code, signal) => {
      reject(new Error(`a worker ended (${signal ?? code}) before it was ready`))
      this.#gone = true
      this.#lose(this.#pending)
      if (!this.#stopped) options.onKilled()
    })
    this.ready.catch(() => {})
  }

  /** Whether it serves no more, or not now. */
  get isAway (): boolean {
    return this.#gone || this.#late.size > 0
  }

  get isGone (): boolean {
    return this.#gone
  }

  /** @returns what the client gets, and whether the fault had happened by then */
  async ask (key: string, fault: Fault | undefined): Promise<readonly [Got, suffered: boolean]> {
    if (this.#gone) return [{ kind: 'lost' }, false]
    const id = asked++
    const got = await this.#ask({ id, key, fault })
    return [got, this.#suffered.delete(id)]
  }

  #ask ({ id, key, fault }: Ask): Promise<Got> {
    const { promise, resolve } = Promise.withResolvers<Got>()
    this.#pending.set(id, { key, resolve })
    this.#child.send({ id, key, fault }, () => {}) // one that has gone says so by its exit
    return promise
  }

  async stop (): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#stopped = true
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exited
  }

  #hear (said: Exclude<Said, { kind: 'ready' }>): void {
    if (said.kind === 'suffers') {
      this.#suffered.add(said.id)
      if (said.pauses) this.#pause()
      return
    }
    const late = this.#late.get(said.id)
    if (late !== undefined) {
      this.#late.delete(said.id)
      if (said.kind === 'answer') this.#options.onLate(late.key, said.body)
      return
    }
    this.#pending.get(said.id)?.resolve(said)
    this.#pending.delete(said.id)
  }

  /** Its clients give up; it is woken when its leases have ended. */
  #pause (): void {
    for (const [id, pending] of this.#pending) this.#late.set(id, pending)
    this.#lose(this.#pending)
    setTimeout(() => this.#child.kill('SIGCONT'), this.#options.leaseMs * 1.5)
  }

  #lose (pending: Map<number, Pending>): void {
    for (const { resolve } of pending.values()) resolve({ kind: 'lost' })
    pending.clear()
  }
}
