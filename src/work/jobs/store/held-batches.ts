import type { Clock } from '../../../kernel/index.ts'
import type { ClaimedJob } from './job-store.ts'

/** Of a job: nothing was written yet; its end was written; a transaction wrote its end, and may not have committed. */
const [open, ended, doubtful] = [0, 1, 2] as const

/** A batch under a lease of this process. Jobs are known by their place in the lease, from 0. */
export class HeldBatch {
  readonly token: bigint
  readonly jobs: readonly ClaimedJob[]
  /** Places in the order in which jobs start, which is mostly that in which they end; `undefined` for that of the lease. */
  readonly #order: readonly number[] | undefined
  /** Where in that order the next one to end is, and where all are, once somebody had to know. */
  #next = 0
  #positions: ReadonlyMap<string, number> | undefined
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

  constructor (token: bigint, jobs: readonly ClaimedJob[], endsMs: number, order?: readonly number[]) {
    this.token = token
    this.jobs = jobs
    this.#order = order
    this.#states = new Uint8Array(jobs.length)
    this.left = jobs.length
    this.endsMs = endsMs
  }

  /** Where a job is that has not ended; -1 for any other. */
  placeOf (id: string): number {
    const position = this.#jobAt(this.#next)?.id === id ? this.#next : this.#positionOf(id)
    if (position === undefined) return -1
    const place = this.#placeAt(position)
    if (this.#states[place] === ended) return -1
    this.#next = position + 1
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

  /** Places of jobs that nothing was written for. */
  openPlaces (): number[] {
    return this.jobs.map((_, place) => place).filter((place) => this.#states[place] === open)
  }

  #placeAt (position: number): number {
    return this.#order?.[position] ?? position
  }

  #jobAt (position: number): ClaimedJob | undefined {
    return this.jobs[this.#placeAt(position)]
  }

  #positionOf (id: string): number | undefined {
    this.#positions ??= new Map(this.jobs.map((_, position) => [this.#jobAt(position)!.id, position]))
    return this.#positions.get(id)
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
