import type { Clock } from '../../../kernel/index.ts'
import type { ClaimedJob } from './job-store.ts'

/** Of a job: nothing was written yet; its end was written; a transaction wrote its end, and may not have committed. */
const [open, ended, doubtful] = [0, 1, 2] as const

/** A batch under a lease of this process. Jobs are known by their place in the lease, from 0. */
export class HeldBatch {
  readonly token: bigint
  readonly jobs: readonly ClaimedJob[]
  #places: Map<string, number> | undefined
  /** Jobs mostly end in the order in which they were claimed. */
  #next = 0
  readonly #states: Uint8Array
  /** How many have not ended, as far as is known here, and how many of those are doubtful. */
  left: number
  doubtful = 0
  /** Some ended in transactions of their own, so that the lease alone does not tell what has. */
  isApart = false
  /** Settlements of one batch are written one after the other: the last one takes the lease away. */
  settling: Promise<unknown> = Promise.resolve()
  /** On the clock's `now()`: up to here nobody else can have it. */
  endsMs: number

  constructor (token: bigint, jobs: readonly ClaimedJob[], endsMs: number) {
    this.token = token
    this.jobs = jobs
    this.#states = new Uint8Array(jobs.length)
    this.left = jobs.length
    this.endsMs = endsMs
  }

  /** Where a job is that has not ended; -1 for any other. */
  placeOf (id: string): number {
    const place = this.jobs[this.#next]?.id === id ? this.#next : this.#find(id)
    if (place === undefined || this.#states[place] === ended) return -1
    this.#next = place + 1
    return place
  }

  isDoubtful (place: number): boolean {
    return this.#states[place] === doubtful
  }

  /** A transaction writes its end. */
  doubt (place: number): void {
    if (this.#states[place] !== open) return
    this.#states[place] = doubtful
    this.doubtful++
    this.isApart = true
  }

  end (place: number): void {
    if (this.#states[place] === ended) return
    if (this.#states[place] === doubtful) this.doubtful--
    this.#states[place] = ended
    this.left--
  }

  #find (id: string): number | undefined {
    this.#places ??= new Map(this.jobs.map((job, place) => [job.id, place]))
    return this.#places.get(id)
  }

  /** Places of jobs that nothing was written for. */
  openPlaces (): number[] {
    return this.jobs.map((_, place) => place).filter((place) => this.#states[place] === open)
  }
}

/** What this process has claimed and not settled. */
export class HeldBatches {
  readonly #batches: Map<bigint, HeldBatch> = new Map()
  readonly #clock: Clock

  constructor (clock: Clock) {
    this.#clock = clock
  }

  add (batch: HeldBatch): void {
    this.#batches.set(batch.token, batch)
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
