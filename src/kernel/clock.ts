/**
 * Time as a port: whatever waits or measures takes a clock, so that a test can be the one who says what
 * time it is. `systemClock` is the real one, {@link manualClock} the one for tests.
 */
export interface Clock {
  /** Monotonic milliseconds with fractions, from an arbitrary start. For durations and deadlines. */
  readonly now: () => number
  /** Milliseconds since the Unix epoch. For what people and other machines read; it can step. */
  readonly epochMs: () => number
  /** Calls `run` once, `ms` from now, unless cancelled. It never keeps the process alive. */
  readonly after: (ms: number, run: () => void) => Cancel
  /** Calls `run` each `ms` from now, until cancelled. It never keeps the process alive. */
  readonly every: (ms: number, run: () => void) => Cancel
}

/** Takes back what was scheduled; a second call does nothing. */
export type Cancel = () => void

/** The process's own clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  epochMs: () => Date.now(),
  after (ms, run) {
    const timer = setTimeout(run, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
  every (ms, run) {
    const timer = setInterval(run, ms)
    timer.unref()
    return () => clearInterval(timer)
  },
}

/** Resolves `ms` from now, or rejects with the signal's reason once it aborts. */
export function sleep (clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason)
    const cancel = clock.after(ms, () => {
      signal?.removeEventListener('abort', abort)
      resolve()
    })
    function abort (): void {
      cancel()
      reject(signal?.reason)
    }
    signal?.addEventListener('abort', abort, { once: true })
  })
}

/**
 * Waits for `work`, for at most `ms`; what is late goes on by itself.
 *
 * @returns its result; `undefined` when it is late
 * @throws what it throws in time
 */
export async function inTime<Result> (
  clock: Clock,
  ms: number,
  work: Promise<Result>
): Promise<Result | undefined> {
  const late = Promise.withResolvers<undefined>()
  const cancel = clock.after(ms, () => late.resolve(undefined))
  return await Promise.race([work, late.promise]).finally(cancel)
}
