/**
 * Tells a queue that stands from a burst that passes: a queue that has not been nearly empty for a whole
 * interval will not drain by itself. A burst may wait for long, a standing queue is cut short.
 *
 * All waits are stretched where one unit alone takes long, for then a single waiting unit is no overload.
 *
 * @see https://queue.acm.org/detail.cfm?id=2839461 "Fail at Scale": controlled delay, adaptive LIFO
 * @see https://www.rfc-editor.org/rfc/rfc8289 CoDel
 */
export class StandingQueue {
  #calmMs = Number.NEGATIVE_INFINITY
  #overflowedMs = Number.NEGATIVE_INFINITY
  #overloaded = false

  /** As of the last {@link note}. */
  get overloaded (): boolean {
    return this.#overloaded
  }

  /**
   * @param waitMs how long a unit that comes now would wait
   * @param unitMs what one unit takes
   */
  note (nowMs: number, waitMs: number, unitMs: number): void {
    if (waitMs <= Math.max(calmWaitMs, unitMs / 2)) this.#calmMs = nowMs
    const longMs = Math.max(intervalMs, 5 * unitMs)
    const stands = nowMs - this.#calmMs > longMs
    this.#overloaded = stands || (this.#overloaded && nowMs - this.#overflowedMs < longMs)
  }

  /** A unit found no place: what drains for a moment only because units are turned away still stands. */
  overflowed (nowMs: number): void {
    this.#overflowedMs = nowMs
  }

  /** How long a unit may be expected to wait and still be let in. */
  boundMs (unitMs: number): number {
    return this.#overloaded ? Math.max(standingWaitMs, 2 * unitMs) : Math.max(burstWaitMs, 4 * unitMs)
  }

  /** How long a wait may be while the oldest still go first. */
  inTimeMs (unitMs: number): number {
    return this.#overloaded ? this.boundMs(unitMs) / 2 : Number.POSITIVE_INFINITY
  }

  /** After which age a unit that waits is given up. */
  patienceMs (unitMs: number): number {
    return this.boundMs(unitMs) * (this.#overloaded ? 2 : 2.5)
  }
}

const intervalMs = 100
const calmWaitMs = 5
const standingWaitMs = 25
const burstWaitMs = 70
