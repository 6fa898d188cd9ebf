export interface StuckWatchOptions {
  /** How often {@link StuckWatch.silent} is asked, in milliseconds. */
  readonly intervalMs: number
  /** A worker silent for this long is stuck, in milliseconds. */
  readonly stuckAfterMs: number
}

/**
 * Tells which workers have gone silent. A heartbeat is sent by the worker's event loop, so that silence
 * means a blocked loop (or a stopped process).
 *
 * It mistrusts itself first: when it was asked late, this process was the one that did not run (a
 * suspended machine, a frozen container), and heartbeats may lie unread. That time counts for nobody.
 */
export class StuckWatch {
  readonly #options: StuckWatchOptions
  readonly #heardAtMs = new Map<number, number>()
  #askedAtMs: number | undefined

  constructor (options: StuckWatchOptions) {
    this.#options = options
  }

  /** The worker has shown that it runs; its first time starts the watch over it. */
  heard (worker: number, nowMs: number): void {
    this.#heardAtMs.set(worker, nowMs)
  }

  /** The worker is gone, or dealt with. */
  forget (worker: number): void {
    this.#heardAtMs.delete(worker)
  }

  /** Who has been silent for too long, with the length of the silence in milliseconds. */
  silent (nowMs: number): { readonly worker: number; readonly silentMs: number }[] {
    const { intervalMs, stuckAfterMs } = this.#options
    const sinceAskedMs = nowMs - (this.#askedAtMs ?? nowMs)
    this.#askedAtMs = nowMs
    const awayMs = sinceAskedMs > 2 * intervalMs ? sinceAskedMs : 0
    if (awayMs > 0) {
      for (const [worker, atMs] of this.#heardAtMs)
        this.#heardAtMs.set(worker, Math.min(atMs + awayMs, nowMs))
    }
    return [...this.#heardAtMs]
      .map(([worker, atMs]) => ({ worker, silentMs: nowMs - atMs }))
      .filter(({ silentMs }) => silentMs >= stuckAfterMs)
  }
}
