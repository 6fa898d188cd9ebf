/** Whoever waits for room, in the order in which they came. */
export class Room {
  readonly #waiting = new Set<() => void>()

  /** Resolves when there may be room. @throws the signal's reason */
  wait (signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason)
      const stop = (): void => {
        this.#waiting.delete(proceed)
        signal?.removeEventListener('abort', leave)
      }
      const proceed = (): void => {
        stop()
        resolve()
      }
      const leave = (): void => {
        stop()
        reject(signal?.reason)
      }
      this.#waiting.add(proceed)
      signal?.addEventListener('abort', leave, { once: true })
    })
  }

  /** There may be room now: all look, those first who came first. */
  open (): void {
    for (const proceed of this.#waiting) proceed()
  }
}
