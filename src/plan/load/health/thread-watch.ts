import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks'
import type { Clock } from '../../../kernel/index.ts'

/** How a thread fared while it was watched; plain data. */
export interface ThreadFigures {
  /** CPU time over wall time. */
  readonly cpuShare: number
  /** How late a 10 ms timer was. */
  readonly loopDelayP99Ms: number
  readonly loopDelayMaxMs: number
  readonly gcPauses: number
  readonly gcPauseTotalMs: number
  readonly gcPauseMaxMs: number
}

const resolutionMs = 10

/** Watches the thread that it is made in. */
export class ThreadWatch implements Disposable {
  readonly #clock: Pick<Clock, 'now'>
  readonly #delay: ReturnType<typeof monitorEventLoopDelay>
  readonly #observer: PerformanceObserver
  readonly #startMs: number
  readonly #cpuThen = process.threadCpuUsage()
  #pauses = 0
  #pauseTotalMs = 0
  #pauseMaxMs = 0

  constructor (clock: Pick<Clock, 'now'>) {
    this.#clock = clock
    this.#startMs = clock.now()
    this.#delay = monitorEventLoopDelay({ resolution: resolutionMs })
    this.#delay.enable()
    this.#observer = new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) {
        this.#pauses++
        this.#pauseTotalMs += duration
        this.#pauseMaxMs = Math.max(this.#pauseMaxMs, duration)
      }
    })
    this.#observer.observe({ entryTypes: ['gc'] })
  }

  figures (): ThreadFigures {
    const { user, system } = process.threadCpuUsage(this.#cpuThen)
    const wallMs = Math.max(1, this.#clock.now() - this.#startMs)
    // The timer's own 10 ms are no delay; without a sample yet the histogram says 0 or less.
    const late = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - resolutionMs)
    return {
      cpuShare: (user + system) / 1000 / wallMs,
      loopDelayP99Ms: late(this.#delay.percentile(99)),
      loopDelayMaxMs: late(this.#delay.max),
      gcPauses: this.#pauses,
      gcPauseTotalMs: this.#pauseTotalMs,
      gcPauseMaxMs: this.#pauseMaxMs,
    }
  }

  [Symbol.dispose] (): void {
    this.#delay.disable()
    this.#observer.disconnect()
  }
}
