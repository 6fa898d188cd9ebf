import type { Pool } from 'pg'
import { transaction } from '../../../data/index.ts'
import { type Clock, Deadline, type Random, runWithContext } from '../../../kernel/index.ts'
import type { Logger, Span, Tracer } from '../../../telemetry/index.ts'
import { JobCancelledError, JobLeaseLostError, JobOverrunError } from '../errors.ts'
import { type JobMetrics, type RunOutcome, type RunSlots, runSlots } from '../job-metrics.ts'
import type { Job } from '../job.ts'
import type { ClaimedJob, JobOutcome, JobStore } from '../store/index.ts'
import { JobContext } from './job-context.ts'
import { judge } from './judge.ts'
import { type HeldJob, Run, type RunSurroundings } from './run.ts'

export interface ExecutorParts {
  readonly jobs: ReadonlyMap<string, Job>
  readonly store: JobStore
  readonly pool: Pool
  readonly surroundings: RunSurroundings
  /** Hears of tracked jobs whose end was written in their own transaction. */
  readonly onWritten: (id: string) => void
  readonly metrics: JobMetrics
  readonly tracer: Tracer | undefined
  readonly logger: Logger
  readonly version: string | undefined
  readonly clock: Clock
  readonly random: Random
}

/** How long after its deadline a run may take to end before it is given up, in milliseconds. */
const overrunMs = 5_000

/** Runs jobs, one at a time as it is told to, and says what follows from how they end. */
export class Executor {
  readonly #parts: ExecutorParts
  readonly #running: Set<Run> = new Set()
  readonly #slots: Map<string, RunSlots> = new Map()
  readonly #sample: () => boolean

  constructor (parts: ExecutorParts) {
    this.#parts = parts
    const { tracer } = parts
    this.#sample = () => tracer?.decide() ?? false
  }

  get running (): number {
    return this.#running.size
  }

  /**
   * Begins a job.
   *
   * @param ended hears how long it took, in milliseconds, once it has ended or was given up
   */
  start (held: HeldJob, job: Job, ended: (ms: number) => void): void {
    const { clock, surroundings } = this.#parts
    const context = this.#contextOf(held.claimed, job)
    const run = new Run(job, held, context, clock.now(), surroundings, ended)
    this.#running.add(run)
    this.#beginSpan(run)
    runWithContext(context, () => this.#perform(run)).then(
      (outcome) => this.#finish(run, outcome),
      (error: unknown) => this.#fail(run, error)
    )
  }

  /** Somebody has cancelled these jobs. */
  cancel (ids: ReadonlySet<string>): void {
    this.stop(({ id }) => ids.has(id) ? new JobCancelledError(id) : undefined)
  }

  /** Tells those runs to stop for which there is a reason. */
  stop (reasonOf: (run: Run) => Error | undefined): void {
    for (const run of this.#running) {
      const reason = reasonOf(run)
      if (reason !== undefined) run.context.abort(reason)
    }
  }

  /** Gives up runs that have not ended after their deadline: their handlers do not listen to their signal. */
  sweep (): void {
    const nowMs = this.#parts.clock.now()
    for (const run of this.#running) {
      if (nowMs - run.context.deadline.atMs < overrunMs) continue
      this.#parts.metrics.overruns.slot({ job: run.name }).add()
      this.#fail(run, new JobOverrunError(run.name, run.job.policy.deadlineMs, overrunMs))
    }
  }

  #contextOf ({ id, tenant, context }: ClaimedJob, { policy: { deadlineMs } }: Job): JobContext {
    const { clock, random } = this.#parts
    return new JobContext({
      id,
      tenant: tenant === '' ? undefined : tenant,
      deadline: deadlineMs === Infinity ? Deadline.none : Deadline.in(deadlineMs, clock),
      carried: context,
      sample: this.#sample,
      random,
    })
  }

  /** @returns what is to be written; `undefined` when it is written already */
  async #perform (run: Run): Promise<JobOutcome | undefined> {
    const { job, claimed: { payload, id } } = run
    const input = job.read(payload)
    if (job.policy.transactional) {
      await this.#performIn(run, input)
      return undefined
    }
    return doneWith(id, job.writeResult(await job.perform(input, run)))
  }

  /** What the handler writes commits together with the settlement, or not at all. */
  async #performIn (run: Run, input: unknown): Promise<void> {
    const { pool, store } = this.#parts
    const { job, id, batch: { lease: { token } } } = run
    await transaction(pool, async (tx) => {
      run.transaction = tx
      const result = job.writeResult(await job.perform(input, run))
      if (!await store.settleIn(tx, token, doneWith(id, result))) throw new JobLeaseLostError(id)
    })
  }

  #finish (run: Run, outcome: JobOutcome | undefined): void {
    if (run.isOver) return
    this.#end(run, 'done', outcome)
    if (outcome === undefined && run.claimed.tracked) this.#parts.onWritten(run.id)
  }

  #fail (run: Run, error: unknown): void {
    if (run.isOver) return
    const { clock, random, version } = this.#parts
    const outcome = judge({
      job: run.claimed,
      backoff: run.job.policy.backoff,
      error,
      stopReason: run.context.stopReason,
      nowMs: clock.epochMs(),
      random,
      version,
    })
    this.#report(run, error, outcome)
    this.#end(run, outcome?.kind ?? 'lost', outcome)
  }

  #end (run: Run, how: RunOutcome, outcome: JobOutcome | undefined): void {
    run.isOver = true
    run.context.settle()
    run.span?.end()
    const ms = this.#parts.clock.now() - run.startedAtMs
    const { runs, outcomes } = this.#slotsOf(run.claimed)
    runs.record(ms / 1_000)
    outcomes[how].add()
    this.#running.delete(run)
    run.batch.add(outcome)
    run.ended(ms)
  }

  #report (run: Run, error: unknown, outcome: JobOutcome | undefined): void {
    if (outcome?.kind === 'snooze' || outcome?.kind === 'cancelled')
      return run.span?.set('plimsoll.job.outcome', outcome.kind)
    run.span?.fail(error)
    runWithContext(run.context, () => {
      if (outcome === undefined) run.logger.warn({ err: error }, 'job lost: another worker has it')
      else if (outcome.kind === 'dead') run.logger.error({ err: error }, 'job failed for good')
      else run.logger.warn({ err: error }, 'job failed; it is tried again')
    })
  }

  #beginSpan (run: Run): void {
    const { tracer } = this.#parts
    if (tracer === undefined || !run.context.trace.sampled) return
    run.span = this.#spanOf(tracer, run)
  }

  #spanOf (tracer: Tracer, { context, claimed }: Run): Span {
    return tracer.start({
      name: `job ${claimed.name}`,
      kind: 'consumer',
      trace: context.trace,
      parentSpanId: context.parentSpanId,
      attributes: {
        'messaging.system': 'plimsoll',
        'messaging.operation.type': 'process',
        'messaging.destination.name': claimed.tier,
        'messaging.message.id': claimed.id,
        'plimsoll.job.name': claimed.name,
        'plimsoll.job.attempt': claimed.attempt,
        ...(context.tenant === undefined ? {} : { 'plimsoll.tenant': context.tenant }),
      },
    })
  }

  #slotsOf ({ tier, name }: Pick<ClaimedJob, 'tier' | 'name'>): RunSlots {
    const key = `${tier} ${name}`
    let slots = this.#slots.get(key)
    if (slots === undefined) this.#slots.set(key, slots = runSlots(this.#parts.metrics, tier, name))
    return slots
  }
}

function doneWith (id: string, result: string | undefined): JobOutcome {
  return result === undefined ? { id, kind: 'done' } : { id, kind: 'done', result }
}
