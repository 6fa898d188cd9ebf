import { type EventLoopUtilization, performance } from 'node:perf_hooks'
import type { Clock } from '../../../kernel/index.ts'
import type { Vitals } from '../protocol.ts'

/** What a process measures of itself from one heartbeat to the next. */
export class VitalSigns {
  readonly #intervalMs: number
  readonly #clock: Clock
  #measuredAtMs: number
  #utilization: EventLoopUtilization

  /** @param options.intervalMs between heartbeats: what comes on top of it is the loop's delay */
  constructor ({ intervalMs, clock }: { readonly intervalMs: number; readonly clock: Clock }) {
    this.#intervalMs = intervalMs
    this.#clock = clock
    this.#measuredAtMs = clock.now()
    this.#utilization = performance.eventLoopUtilization()
  }

  measure (): Pick<Vitals, 'loopDelayMs' | 'utilization' | 'memoryBytes'> {
    const nowMs = this.#clock.now()
    const utilization = performance.eventLoopUtilization()
    const measured = {
      loopDelayMs: Math.max(0, nowMs - this.#measuredAtMs - this.#intervalMs),
      utilization: performance.eventLoopUtilization(utilization, this.#utilization).utilization,
      memoryBytes: process.memoryUsage.rss(),
    }
    this.#measuredAtMs = nowMs
    this.#utilization = utilization
    return measured
  }
}
