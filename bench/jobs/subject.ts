import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export interface Urls {
  readonly databaseUrl: string
  readonly redisUrl: string | undefined
}

export interface Payload {
  readonly n: number
  /** When it was enqueued, in epoch milliseconds with fractions; 0 where that does not matter. */
  readonly at: number
}

export interface Work {
  readonly tuned: boolean
  readonly onJob: (payload: Payload) => void
}

/** What a subject's program implements; `bench/peers/jobs-subject.js` does the rest. */
export interface Subject {
  enqueue(payload: Payload): Promise<unknown>
  enqueueMany(payloads: readonly Payload[]): Promise<unknown>
  /** Starts workers; answers what stops them. */
  work(work: Work): Promise<() => Promise<unknown>>
  close(): Promise<unknown>
}

/** One of those that are compared. */
export interface SubjectKind {
  readonly name: string
  readonly program: URL
  readonly args?: readonly string[]
  readonly needsRedis?: boolean
}

const peer = (file: string): URL => new URL(`../peers/${file}`, import.meta.url)

export const plimsoll: SubjectKind = {
  name: 'Plimsoll',
  program: new URL('plimsoll-main.ts', import.meta.url),
}
export const handWritten: SubjectKind = {
  name: 'hand-written',
  program: new URL('hand-written-main.ts', import.meta.url),
}
export const peers: readonly SubjectKind[] = [
  { name: 'graphile-worker', program: peer('jobs-graphile-worker.js') },
  { name: 'pg-boss', program: peer('jobs-pg-boss.js') },
  { name: 'BullMQ on Redis', program: peer('jobs-bullmq.js'), args: ['redis'], needsRedis: true },
  { name: 'BullMQ on PostgreSQL', program: peer('jobs-bullmq.js'), args: ['postgres'] },
]

interface Answer {
  readonly number: number
  readonly answer?: unknown
  readonly error?: string
}

/** A subject in a process of its own. */
export class SubjectProcess implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #waiting: Map<number, PromiseWithResolvers<unknown>> = new Map()
  #number = 0

  constructor ({ name, program, args = [] }: SubjectKind) {
    const execArgv = program.pathname.endsWith('.ts') ? ['--conditions=plimsoll-source'] : []
    this.#child = fork(fileURLToPath(program), [...args], { execArgv })
    this.#child.on('message', (message) => {
      const { number, answer, error } = message as Answer
      const waiting = this.#waiting.get(number)
      this.#waiting.delete(number)
      if (error === undefined) waiting?.resolve(answer)
      else waiting?.reject(new Error(`${name}: ${error}`))
    })
    this.#child.once('exit', (code) => {
      for (const waiting of this.#waiting.values())
        waiting.reject(new Error(`${name} exited (${String(code)})`))
    })
  }

  async ask (order: string, options: object): Promise<unknown> {
    const number = ++this.#number
    const waiting = Promise.withResolvers<unknown>()
    this.#waiting.set(number, waiting)
    this.#child.send({ order, options, number })
    return await waiting.promise
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = once(this.#child, 'exit')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 3_000)
    await Promise.race([gone, this.ask('close', {}).catch(() => {})])
    if (this.#child.connected) this.#child.disconnect()
    await gone
    clearTimeout(timer)
  }
}
