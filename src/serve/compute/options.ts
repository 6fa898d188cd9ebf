import { availableParallelism } from 'node:os'
import { type Clock, SettingError, systemClock } from '../../kernel/index.ts'
import type { MetricsRegistry } from '../../telemetry/index.ts'
import type { ComputeRecord } from './record.ts'

export interface ComputeOptions {
  /** The module whose named function exports are the tasks, `.ts` or `.js`. */
  readonly module: URL
  /**
   * How many tasks run at once; at least 1. Threads of several worker processes share the same cores.
   *
   * @default the cores that the process may use, less one for the event loop; at least 1
   */
  readonly threads?: number
  /** How many tasks wait when all threads are busy; at least 0. @default 64 */
  readonly queue?: number
  /** Largest old generation of a thread's heap, in bytes: a task that needs more is ended. @default V8's */
  readonly memoryBytes?: number
  /** What tasks under way may still take at `close()`, in milliseconds. @default 5000 */
  readonly closeTimeoutMs?: number
  /** Where the pool's metrics go. @default nowhere */
  readonly registry?: MetricsRegistry
  /** Called once for each task that is over. */
  readonly record?: (record: ComputeRecord) => void
  /** Called when a thread without a task ends, e.g. by a timer that a task left behind; for the log. */
  readonly onThreadLost?: (error: Error) => void
  /** @default the system's */
  readonly clock?: Clock
}

/** Options with their defaults. */
export interface ResolvedComputeOptions extends Required<Omit<ComputeOptions, 'registry' | 'memoryBytes'>> {
  readonly memoryBytes: number | undefined
  readonly registry: MetricsRegistry | undefined
}

/** Fills in the defaults. @throws SettingError */
export function resolveComputeOptions (options: ComputeOptions): ResolvedComputeOptions {
  const { module, queue = 64, memoryBytes, closeTimeoutMs = 5_000, clock = systemClock } = options
  const { threads = Math.max(1, availableParallelism() - 1) } = options
  const { registry, record = () => {}, onThreadLost = () => {} } = options
  if (!(Number.isInteger(threads) && threads >= 1)) {
    throw new SettingError('compute.threads', 'a whole number of at least 1', threads)
  }
  if (!(Number.isInteger(queue) && queue >= 0)) {
    throw new SettingError('compute.queue', 'a whole number of at least 0', queue)
  }
  return { module, threads, queue, memoryBytes, closeTimeoutMs, registry, record, onThreadLost, clock }
}
