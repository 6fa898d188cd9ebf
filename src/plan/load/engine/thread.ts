import { Worker } from 'node:worker_threads'
import type {
  ThreadInput,
  ThreadInterval,
  ThreadMessage,
  ThreadOrder,
  ThreadResult,
} from './thread-messages.ts'

// As it stands here: .ts unbuilt, .js built.
const main = new URL(
  `./thread-main${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`,
  import.meta.url
)

/** One worker thread of the generator, as its maker sees it. */
export class Thread implements AsyncDisposable {
  /** Rejects when it cannot get ready. */
  readonly ready: Promise<{ readonly standing: number; readonly pinned: boolean }>
  /** An error's message when it ended before it was done. */
  readonly done: Promise<ThreadResult | Error>
  readonly #worker: Worker

  constructor (input: ThreadInput, onInterval: (interval: ThreadInterval, isLast: boolean) => void) {
    const worker = new Worker(main, { workerData: input, name: `plimsoll load ${input.share.thread}` })
    const ready = Promise.withResolvers<{ standing: number; pinned: boolean }>()
    const done = Promise.withResolvers<ThreadResult | Error>()
    const fail = (error: Error): void => {
      ready.reject(error)
      done.resolve(error)
    }
    worker.on('message', (message: ThreadMessage) => {
      switch (message.kind) {
        case 'ready':
          return ready.resolve(message)
        case 'interval':
          return onInterval(message.interval, false)
        case 'done':
          onInterval(message.interval, true)
          return done.resolve(message.result)
        case 'failed':
          return fail(Object.assign(message.error, message.fields))
      }
    })
    worker.on('error', fail)
    worker.on('exit', (code) => fail(new Error(`exit code ${code}`)))
    // Nobody may be waiting for it any more when it fails.
    ready.promise.catch(() => {})
    this.ready = ready.promise
    this.done = done.promise
    this.#worker = worker
  }

  go (): void {
    this.#order('go')
  }

  /** It tells what it counted so far, and ends. */
  stop (): void {
    this.#order('stop')
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    await this.#worker.terminate()
  }

  #order (order: ThreadOrder): void {
    this.#worker.postMessage(order, [])
  }
}
