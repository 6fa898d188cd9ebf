import type { Pool } from 'pg'
import type { Transaction } from '../../../data/index.ts'
import type { Logger, Span } from '../../../telemetry/index.ts'
import type { JobApp, JobProgress, TransactionalJobRun } from '../job-run.ts'
import type { Job } from '../job.ts'
import type { ClaimedJob } from '../store/index.ts'
import type { HeldBatch } from './held-batch.ts'
import type { JobContext } from './job-context.ts'

/** What all runs of a worker are given. */
export interface RunSurroundings {
  readonly pool: Pool
  readonly app: JobApp
  readonly logger: Logger
  readonly note: (run: Run, progress: JobProgress) => void
}

/** A job that is ours and has not begun. */
export interface HeldJob {
  readonly claimed: ClaimedJob
  readonly batch: HeldBatch
  /** On the clock's `now()`. */
  readonly claimedAtMs: number
}

/** One run that is under way. What a handler does not ask for is not made. */
export class Run implements TransactionalJobRun {
  readonly job: Job
  readonly claimed: ClaimedJob
  readonly batch: HeldBatch
  readonly context: JobContext
  readonly startedAtMs: number
  /** Hears how long it took, in milliseconds, once it is over. */
  readonly ended: (ms: number) => void
  span: Span | undefined
  transaction: Transaction | undefined
  /** It counts as ended, whether its handler has returned or not. */
  isOver = false
  readonly #surroundings: RunSurroundings
  #logger: Logger | undefined

  constructor (
    job: Job,
    { claimed, batch }: HeldJob,
    context: JobContext,
    startedAtMs: number,
    surroundings: RunSurroundings,
    ended: (ms: number) => void
  ) {
    this.job = job
    this.claimed = claimed
    this.batch = batch
    this.context = context
    this.startedAtMs = startedAtMs
    this.#surroundings = surroundings
    this.ended = ended
  }

  get id (): string {
    return this.claimed.id
  }

  get name (): string {
    return this.claimed.name
  }

  get attempt (): number {
    return this.claimed.attempt
  }

  get isLastAttempt (): boolean {
    return this.claimed.attempt >= this.claimed.attempts
  }

  get tenant (): string | undefined {
    return this.context.tenant
  }

  get enqueuedAtMs (): number {
    return this.claimed.enqueuedAtMs
  }

  get data (): Pool {
    return this.#surroundings.pool
  }

  get signal (): AbortSignal {
    return this.context.signal
  }

  get app (): JobApp {
    return this.#surroundings.app
  }

  get logger (): Logger {
    this.#logger ??= this.#surroundings.logger.child({
      job: this.name,
      job_id: this.id,
      attempt: this.attempt,
    })
    return this.#logger
  }

  get progress (): (progress: JobProgress) => void {
    return (progress) => this.#surroundings.note(this, progress)
  }

  get tx (): Transaction {
    if (this.transaction === undefined) throw new TypeError(`job ${this.name} is not transactional`)
    return this.transaction
  }
}
