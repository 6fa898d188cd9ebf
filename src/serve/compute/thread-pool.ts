import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Piscina } from 'piscina'
import type { ThreadData, ThreadReply, ThreadRequest } from './task.ts'

export interface ThreadPoolOptions {
  readonly module: URL
  readonly threads: number
  /** Largest old generation of a thread's heap, in bytes. */
  readonly memoryBytes: number | undefined
  /** Called when a thread ends while it has no task. */
  readonly onThreadLost: (error: Error) => void
}

/**
 * Threads that run one request each, by piscina, with the options that its issues ask for. The caller never
 * has more requests out than there are threads, so that nothing waits in piscina's own queue.
 */
export class ThreadPool {
  readonly #pool: Piscina<ThreadRequest, ThreadReply>

  constructor ({ module, threads, memoryBytes, onThreadLost }: ThreadPoolOptions) {
    const workerData: ThreadData = { module: module.href }
    this.#pool = new Piscina({
      // `.ts` in a checkout, `.js` in the package.
      filename: fileURLToPath(new URL(`./thread-main${extname(import.meta.url)}`, import.meta.url)),
      workerData,
      // The others start when they are first needed, and then stay.
      minThreads: 1,
      maxThreads: threads,
      idleTimeout: Number.POSITIVE_INFINITY,
      // By default an idle thread stands still in Atomics.wait: timers, sockets and cleaning up of a module
      // stop between tasks (piscina#331, #346). Messages cost some microseconds more; tasks cost more.
      atomics: 'disabled',
      recordTiming: false,
      ...(memoryBytes === undefined ? {} : {
        resourceLimits: { maxOldGenerationSizeMb: memoryBytes / 2 ** 20 },
      }),
    })
    this.#pool.on('error', onThreadLost)
  }

  /**
   * Rejects when the request cannot be cloned, when the thread comes to its end, and when `signal` aborts:
   * then the thread is terminated, whatever it does, and the next request gets a new one.
   */
  run (request: ThreadRequest, signal: AbortSignal): Promise<ThreadReply> {
    return this.#pool.run(request, { signal })
  }

  /**
   * Terminates all threads. Not piscina's `close()`: with several threads at work it counts them wrongly
   * and may end a task under way.
   */
  async close (): Promise<void> {
    await this.#pool.destroy()
  }
}
