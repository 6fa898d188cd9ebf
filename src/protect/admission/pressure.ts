import type { AdmissionClass } from './admission-class.ts'

/** 0 calm, 1 busy, 2 overloaded, 3 refusing. */
export type Pressure = 0 | 1 | 2 | 3

/** Remembers pressure for a while after its reason has gone, so that what is done about it does not flap. */
export class PressureGauge {
  #busyMs: number = Number.NEGATIVE_INFINITY
  #overloadedMs: number = Number.NEGATIVE_INFINITY

  /** Something waits, or was refused. */
  busy (nowMs: number): void {
    this.#busyMs = nowMs
  }

  overloaded (nowMs: number): void {
    this.#busyMs = nowMs
    this.#overloadedMs = nowMs
  }

  /** Whether there is, or has lately been, any. */
  isOn (nowMs: number): boolean {
    return nowMs - this.#busyMs < holdMs
  }

  /** On the event loop, which all routes share. */
  ofAll (nowMs: number): 0 | 1 | 2 {
    if (nowMs - this.#overloadedMs < holdMs) return 2
    return this.isOn(nowMs) ? 1 : 0
  }

  /** On one route. */
  of ({ refusedMs, crowdedMs }: AdmissionClass, nowMs: number): Pressure {
    if (nowMs - refusedMs < holdMs) return 3
    return nowMs - crowdedMs < holdMs ? 2 : this.ofAll(nowMs)
  }
}

const holdMs = 2_000
