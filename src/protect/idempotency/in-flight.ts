import type { Clock } from '../../kernel/index.ts'
import type { StoredAnswer } from './answer.ts'

/** One key that this worker is busy with: a request runs under it, or asks for it on behalf of others. */
export class InFlightEntry {
  readonly fingerprint: Buffer
  /** The answer, once there is one; `undefined` when the key was given back, and may be claimed anew. */
  readonly done: Promise<StoredAnswer | undefined>
  /** When the lease in the way ends unless it is renewed, on the clock's `now()`. */
  leaseEndsMs: number
  readonly #resolve: (answer: StoredAnswer | undefined) => void
  readonly #leave: () => void

  constructor (fingerprint: Buffer, leaseEndsMs: number, leave: () => void) {
    const { promise, resolve } = Promise.withResolvers<StoredAnswer | undefined>()
    this.fingerprint = fingerprint
    this.done = promise
    this.leaseEndsMs = leaseEndsMs
    this.#resolve = resolve
    this.#leave = leave
  }

  /** Lets everybody on who waits; a second call does nothing. */
  end (answer: StoredAnswer | undefined): void {
    this.#leave()
    this.#resolve(answer)
  }
}

/** The keys that this worker is busy with, so that requests of one worker wait without asking the store. */
export class InFlight {
  readonly #entries: Map<string, InFlightEntry> = new Map()

  /** @param id the lookup key as text */
  get (id: string): InFlightEntry | undefined {
    return this.#entries.get(id)
  }

  enter (id: string, fingerprint: Buffer, leaseEndsMs: number): InFlightEntry {
    const entry = new InFlightEntry(fingerprint, leaseEndsMs, () => {
      if (this.#entries.get(id) === entry) this.#entries.delete(id)
    })
    this.#entries.set(id, entry)
    return entry
  }
}

/** @returns what `promise` resolved to, or `late` when that takes longer than `ms` or the signal aborts */
export function orLate<Result, Late> (
  promise: Promise<Result>,
  ms: number,
  late: Late,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal | undefined }
): Promise<Result | Late> {
  if (ms <= 0 || signal?.aborted === true) return Promise.resolve(late)
  return new Promise((resolve, reject) => {
    const end = (): void => {
      cancel()
      signal?.removeEventListener('abort', end)
      resolve(late)
    }
    const cancel = ms === Number.POSITIVE_INFINITY ? () => {} : clock.after(ms, end)
    signal?.addEventListener('abort', end, { once: true })
    promise.then(resolve, reject).finally(() => {
      cancel()
      signal?.removeEventListener('abort', end)
    })
  })
}
