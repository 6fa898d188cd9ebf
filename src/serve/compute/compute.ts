import { deserialize } from 'node:v8'
import { type Clock, currentContext, Deadline, DeadlineExceededError } from '../../kernel/index.ts'
import {
  ComputeCancelledError,
  ComputeClosedError,
  ComputeDataError,
  ComputeModuleError,
  ComputeQueueFullError,
  ComputeTaskError,
  ComputeThreadLostError,
  ComputeUnknownTaskError,
} from './errors.ts'
import { type ComputeMetrics, computeMetrics } from './metrics.ts'
import type { ResolvedComputeOptions } from './options.ts'
import type { ComputeOutcome } from './record.ts'
import { Slots } from './slots.ts'
import type { ComputeInput, ComputeResult, ComputeTaskName, ThreadReply } from './task.ts'
import { ThreadPool } from './thread-pool.ts'

export interface ComputeRunOptions {
  /** When nobody waits for the result any more. @default that of the current context, or none */
  readonly deadline?: Deadline
  /** Aborts the task, waiting or running. */
  readonly signal?: AbortSignal
}

/** What the pool does now, and has done since it was opened. */
export interface ComputeStats {
  readonly threads: number
  readonly running: number
  readonly waiting: number
  /** Tasks that returned or threw. */
  readonly completed: number
  /** Tasks refused because the queue was full. */
  readonly rejected: number
}

/** CPU-bound work off the event loop. `Tasks` is the type of the compute module, for typed names and inputs. */
export interface Compute<Tasks = Record<string, (input: unknown) => unknown>> extends AsyncDisposable {
  /**
   * Runs a task in a thread. Input and result are copied (structured clone), not shared.
   *
   * A task that is still waiting at its deadline never starts; one that runs is ended for real: its thread
   * is terminated and replaced, so `finally` blocks of the task do not run.
   *
   * @throws ComputeQueueFullError at once, when all threads are busy and the queue is full
   * @throws DeadlineExceededError at the deadline
   * @throws ComputeCancelledError when `signal` aborts
   * @throws ComputeTaskError what the task threw
   * @throws ComputeThreadLostError when the task ended its thread
   */
  run<Name extends ComputeTaskName<Tasks>>(
    name: Name,
    input: ComputeInput<Tasks[Name]>,
    options?: ComputeRunOptions
  ): Promise<ComputeResult<Tasks[Name]>>
  stats(): ComputeStats
  /**
   * Refuses new tasks and those that wait, lets those that run end within the bound, terminates the rest.
   * A second call awaits the first.
   */
  close(): Promise<void>
}

/** The longest that a Node.js timer can wait, in milliseconds: above, it would fire at once. */
const longestTimerMs = 2 ** 31 - 1

export class ThreadCompute implements Compute {
  readonly #options: ResolvedComputeOptions
  readonly #clock: Clock
  readonly #slots: Slots
  readonly #threads: ThreadPool
  readonly #live = new Set<AbortController>()
  #names: ReadonlySet<string> = new Set()
  #metrics: ComputeMetrics | undefined
  #completed = 0
  #rejected = 0
  #closing: Promise<void> | undefined

  constructor (options: ResolvedComputeOptions) {
    const { module, threads, queue, memoryBytes, onThreadLost, clock } = options
    this.#options = options
    this.#clock = clock
    this.#slots = new Slots(threads, queue)
    this.#threads = new ThreadPool({ module, threads, memoryBytes, onThreadLost })
  }

  /** Loads the module in a first thread. @throws ComputeModuleError */
  async open (): Promise<void> {
    const { href } = this.#options.module
    try {
      const reply = await this.#threads.run({ kind: 'describe' }, new AbortController().signal)
      if (reply.kind !== 'described') throw unloadable(href, reply)
      if (reply.names.length === 0) throw new ComputeModuleError(href, 'exports no function: nothing to run')
      this.#names = new Set(reply.names)
      const { registry } = this.#options
      if (registry !== undefined) this.#metrics = computeMetrics(registry, reply.names, () => this.stats())
    } catch (error) {
      await this.close()
      if (error instanceof ComputeModuleError) throw error
      throw new ComputeModuleError(href, `ended its thread while loading: ${(error as Error).message}`, error)
    }
  }

  async run (
    name: string,
    input: unknown,
    { deadline = currentContext()?.deadline ?? Deadline.none, signal }: ComputeRunOptions = {}
  ): Promise<unknown> {
    if (!this.#names.has(name)) throw new ComputeUnknownTaskError(name, [...this.#names])
    const arrivedMs = this.#clock.now()
    let startedMs: number | undefined
    let outcome: ComputeOutcome = 'lost'
    try {
      this.#refuse(name, deadline, signal)
      using stopper = this.#stopper(name, deadline, signal)
      await this.#slots.take(stopper.signal)
      startedMs = this.#clock.now()
      try {
        // The loop may have been too busy for the deadline's timer to fire.
        deadline.throwIfPassed()
        const reply = await this.#runInThread(name, input, deadline, stopper.signal)
        outcome = reply.kind === 'done' ? 'done' : 'failed'
        this.#completed += 1
        return result(name, this.#options.module.href, reply)
      } finally {
        this.#slots.release()
      }
    } catch (error) {
      outcome = outcomeOf(error) ?? outcome
      throw error
    } finally {
      const endedMs = this.#clock.now()
      const waitMs = (startedMs ?? endedMs) - arrivedMs
      const record = { task: name, outcome, waitMs, runMs: endedMs - (startedMs ?? endedMs) }
      this.#metrics?.record(record)
      this.#options.record(record)
    }
  }

  stats (): ComputeStats {
    return {
      threads: this.#options.threads,
      running: this.#slots.taken,
      waiting: this.#slots.waiting,
      completed: this.#completed,
      rejected: this.#rejected,
    }
  }

  close (): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose] (): Promise<void> {
    return this.close()
  }

  /** What is known before the task has waited. */
  #refuse (name: string, deadline: Deadline, signal: AbortSignal | undefined): void {
    if (this.#closing !== undefined) throw new ComputeClosedError()
    if (signal?.aborted === true) throw new ComputeCancelledError(name, signal.reason)
    deadline.throwIfPassed()
    if (this.#slots.full) {
      this.#rejected += 1
      throw new ComputeQueueFullError(this.#options.queue)
    }
  }

  /** One signal for all that may end the task before its time; its reason is the error to reject with. */
  #stopper (name: string, deadline: Deadline, signal: AbortSignal | undefined): Disposable & {
    signal: AbortSignal
  } {
    const controller = new AbortController()
    const remainingMs = deadline.remainingMs()
    const cancelTimer = remainingMs > longestTimerMs ?
      undefined :
      this.#clock.after(remainingMs, () => controller.abort(new DeadlineExceededError()))
    const abort = (): void => controller.abort(new ComputeCancelledError(name, signal?.reason))
    signal?.addEventListener('abort', abort, { once: true })
    this.#live.add(controller)
    return {
      signal: controller.signal,
      [Symbol.dispose]: () => {
        cancelTimer?.()
        signal?.removeEventListener('abort', abort)
        this.#live.delete(controller)
      },
    }
  }

  async #runInThread (
    name: string,
    input: unknown,
    deadline: Deadline,
    signal: AbortSignal
  ): Promise<ThreadReply> {
    const info = {
      deadlineMs: this.#clock.epochMs() + deadline.remainingMs(),
      requestId: currentContext()?.id,
    }
    try {
      signal.throwIfAborted()
      return await this.#threads.run({ kind: 'run', name, input, info }, signal)
    } catch (error) {
      if (signal.aborted) throw signal.reason
      if (error instanceof DOMException && error.name === 'DataCloneError') {
        throw new ComputeDataError(name, 'input', error.message)
      }
      throw new ComputeThreadLostError(name, error as Error)
    }
  }

  async #close (): Promise<void> {
    const error = new ComputeClosedError()
    this.#slots.dismiss(error)
    const late = Promise.withResolvers<void>()
    const cancel = this.#clock.after(this.#options.closeTimeoutMs, late.resolve)
    await Promise.race([this.#slots.idle(), late.promise])
    cancel()
    for (const controller of this.#live) controller.abort(error)
    await this.#threads.close()
    this.#metrics?.close()
  }
}

function result (name: string, module: string, reply: ThreadReply): unknown {
  if (reply.kind === 'done') return deserialize(reply.value)
  if (reply.kind === 'failed') throw new ComputeTaskError(name, reply.error)
  if (reply.kind === 'unclonable') throw new ComputeDataError(name, 'result', reply.problem)
  throw unloadable(module, reply)
}

function unloadable (module: string, reply: ThreadReply): ComputeModuleError {
  if (reply.kind !== 'unloadable') return new ComputeModuleError(module, 'gave an answer to another question')
  const cause = new ComputeTaskError('(load)', reply.error)
  return new ComputeModuleError(module, `cannot be loaded: ${reply.error.message}`, cause)
}

function outcomeOf (error: unknown): ComputeOutcome | undefined {
  if (error instanceof DeadlineExceededError) return 'deadline'
  if (error instanceof ComputeCancelledError) return 'cancelled'
  if (error instanceof ComputeQueueFullError || error instanceof ComputeClosedError) return 'refused'
  return undefined
}
