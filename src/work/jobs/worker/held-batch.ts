import { type Cancel, type Clock, fullJitter, type Random } from '../../../kernel/index.ts'
import type { KeptLease } from '../../lease/index.ts'
import type { JobOutcome } from '../store/index.ts'

export interface BatchParts {
  readonly lease: KeptLease
  /** How many jobs it has. */
  readonly jobs: number
  readonly settle: (token: bigint, outcomes: readonly JobOutcome[]) => Promise<readonly string[]>
  /** Hears of outcomes that are written, and of ids that were no longer ours. */
  readonly onSettled: (outcomes: readonly JobOutcome[], lost: ReadonlySet<string>) => void
  readonly onSettleError: (error: unknown) => void
  /** Nothing of it is left to settle. */
  readonly onEnded: () => void
  readonly clock: Clock
  readonly random: Random
}

/** How long an outcome may wait for others of its batch, in milliseconds. */
const gatherMs = 20

const backoff = { baseMs: 50, capMs: 5_000 }

/**
 * The jobs of one claim. Their outcomes are written together: at once when all have ended, and otherwise those of each
 * {@link gatherMs}. What cannot be written is tried again until the store has answered, or the lease is lost: then the
 * store decides whose the job is.
 */
export class HeldBatch {
  readonly lease: KeptLease
  readonly #parts: BatchParts
  #waiting: JobOutcome[] = []
  /** Jobs without an outcome. */
  #open: number
  #settling: Promise<void> | undefined
  #cancelTimer: Cancel | undefined
  #ended = false

  constructor (parts: BatchParts) {
    this.lease = parts.lease
    this.#parts = parts
    this.#open = parts.jobs
  }

  /** A run has ended. @param outcome `undefined` when there is nothing to write: it is written, or not ours */
  add (outcome: JobOutcome | undefined): void {
    this.#open--
    if (outcome !== undefined) this.#waiting.push(outcome)
    this.#advance()
  }

  /** So many jobs will never start here: they went back, or are somebody else's. */
  leave (jobs: number): void {
    this.#open -= jobs
    this.#advance()
  }

  /** Resolves when no settlement is under way. */
  async quiet (): Promise<void> {
    while (this.#settling !== undefined) await this.#settling
  }

  /** Writes what waits, without waiting for more. */
  async flush (): Promise<void> {
    while (this.#waiting.length > 0 || this.#settling !== undefined) {
      this.#start()
      await this.#settling
      if (this.#ended) return
    }
  }

  #advance (): void {
    if (this.#ended || this.#settling !== undefined) return
    if (this.#open <= 0 && this.#waiting.length === 0) return this.#end()
    if (this.#open <= 0) return this.#start()
    if (this.#waiting.length > 0)
      this.#cancelTimer ??= this.#parts.clock.after(gatherMs, () => this.#start())
  }

  #start (): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    if (this.#settling !== undefined || this.#waiting.length === 0) return
    const outcomes = this.#waiting
    this.#waiting = []
    this.#settling = this.#settle(outcomes).finally(() => {
      this.#settling = undefined
      this.#advance()
    })
  }

  async #settle (outcomes: readonly JobOutcome[]): Promise<void> {
    const { lease: { token, signal }, settle, onSettled, onSettleError, clock, random } = this.#parts
    for (let failures = 1;; failures++) {
      try {
        const lost = await settle(token, outcomes)
        return onSettled(outcomes, new Set(lost))
      } catch (error) {
        onSettleError(error)
        // Whoever has the lease now runs them again.
        if (signal.aborted && failures > 1) return onSettled(outcomes, new Set(outcomes.map(({ id }) => id)))
        await new Promise<void>((resolve) => clock.after(fullJitter(failures, backoff, random), resolve))
      }
    }
  }

  #end (): void {
    this.#ended = true
    this.#parts.onEnded()
  }
}
