import type { Clock } from '../../../kernel/index.ts'
import type { ClaimedJob } from './job-store.ts'

/** A batch under a lease of this process. */
export interface HeldBatch {
  readonly token: bigint
  /** By id, with the position in the lease, from 1. */
  readonly jobs: ReadonlyMap<string, { readonly job: ClaimedJob; readonly at: number }>
  /** Ids that nothing was written for yet, as far as is known here. */
  readonly left: Set<string>
  /** Those of `left` that transactions have settled whose end is not known here. */
  readonly apart: Set<string>
  /** Settlements of one batch are written one after the other: the last one takes the lease away. */
  settling: Promise<unknown>
  /** On the clock's `now()`: up to here nobody else can have it. */
  endsMs: number
}

/** What this process has claimed and not settled. */
export class HeldBatches {
  readonly #batches: Map<bigint, HeldBatch> = new Map()
  readonly #clock: Clock

  constructor (clock: Clock) {
    this.#clock = clock
  }

  /** @param jobs with their positions; @param endsMs on the clock's `now()` */
  add (
    token: bigint,
    jobs: readonly { readonly job: ClaimedJob; readonly at: number }[],
    endsMs: number
  ): HeldBatch {
    const byId = new Map(jobs.map((entry) => [entry.job.id, entry]))
    const batch = {
      token,
      jobs: byId,
      left: new Set(byId.keys()),
      apart: new Set<string>(),
      endsMs,
      settling: Promise.resolve(),
    }
    this.#batches.set(token, batch)
    return batch
  }

  get (token: bigint): HeldBatch | undefined {
    return this.#batches.get(token)
  }

  delete (token: bigint): void {
    this.#batches.delete(token)
  }

  get tokens (): readonly bigint[] {
    return [...this.#batches.keys()]
  }

  /** Whether nobody else can have taken its jobs by now. */
  isCertain (batch: HeldBatch): boolean {
    return batch.endsMs > this.#clock.now()
  }
}
