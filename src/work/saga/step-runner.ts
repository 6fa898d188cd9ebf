import type { Pool } from 'pg'
import { type Transaction, transaction } from '../../data/index.ts'
import { type Clock, currentContext, finishing, type Random, runWithContext } from '../../kernel/index.ts'
import type { Logger, Span, Tracer } from '../../telemetry/index.ts'
import { type JobApp, Snooze } from '../jobs/index.ts'
import { mayRun, type RunOutcome } from './machine/index.ts'
import type { SagaMetrics } from './metrics.ts'
import type { PlannedAction, SagaPlan } from './saga-plan.ts'
import type { SagaRecord } from './saga-record.ts'
import type { SagaStore } from './saga-store.ts'
import { stepContext } from './step-context.ts'
import type { StepRun, Undoing } from './step-run.ts'
import { thrownOutcome } from './thrown-outcome.ts'
import type { Transitions } from './transitions.ts'

export interface StepRunnerParts {
  readonly pool: Pool
  readonly store: SagaStore
  readonly transitions: Transitions
  readonly metrics: SagaMetrics
  readonly tracer: Tracer | undefined
  readonly logger: Logger
  readonly app: JobApp
  readonly send: typeof fetch
  readonly clock: Clock
  readonly random: Random
}

/** What a command names. */
export interface StepCommand {
  readonly saga: string
  readonly token: number
}

/** An action that has been begun and is to be run. */
interface Begun {
  readonly saga: SagaRecord
  readonly plan: SagaPlan
  readonly action: PlannedAction
}

/** What a local action threw, to be told from what the transaction around it throws. */
class LocalFailure extends Error {
  readonly outcome: RunOutcome

  constructor (cause: unknown) {
    super('a local action has failed', { cause })
    this.outcome = thrownOutcome(cause, true)
  }
}

/** How long after its deadline a local action may hold its transaction before the server ends it, in milliseconds. */
const patienceMs = 5_000
/** When to look again at a command for a definition that is not known here: workers that know it take it meanwhile. */
const elsewhereMs = 10_000

/**
 * Runs what sagas command. A run that is given twice, or late, or by a process that has died meanwhile, is told by its
 * token: the saga has gone on, and nothing is done.
 */
export class StepRunner {
  readonly #parts: StepRunnerParts

  constructor (parts: StepRunnerParts) {
    this.#parts = parts
  }

  async run (command: StepCommand): Promise<void> {
    const { pool } = this.#parts
    let local: Begun | undefined
    let remote: Begun | undefined
    try {
      remote = await transaction(pool, async (tx) => {
        const begun = await this.#begin(tx, command)
        if (begun === undefined || !begun.action.atomic) return begun
        local = begun
        await this.#runLocal(tx, begun, command.token)
        return undefined
      }, { retries: 3 })
    } catch (error) {
      // A worker that has to stop gives the job back: that is no failure of the step.
      const isStopped = currentContext()?.signal.aborted === true
      if (!(error instanceof LocalFailure) || local === undefined || isStopped) throw error
      return await this.#report(local.plan, command, error.outcome)
    }
    if (remote === undefined) return
    await this.#report(remote.plan, command, await this.#runRemote(remote))
  }

  async #begin (tx: Transaction, { saga: id, token }: StepCommand): Promise<Begun | undefined> {
    const { store, transitions } = this.#parts
    const saga = await store.lock(tx, id)
    if (saga === undefined || saga.state.token !== token) return undefined
    const plan = transitions.planOf(saga)
    if (plan === undefined) throw new Snooze(elsewhereMs)
    const begun = await transitions.apply(tx, saga, plan, { kind: 'begin', token })
    if (!mayRun(begun, token)) return undefined
    const { step = '', action: doing } = begun.state
    const actions = plan.actions.get(step)
    const action = doing === 'undo' ? actions?.undo : actions?.act
    return action === undefined ? undefined : { saga: begun.saga, plan, action }
  }

  async #runLocal (tx: Transaction, begun: Begun, token: number): Promise<void> {
    const { saga, plan, action } = begun
    if (!action.atomic) return
    // Should this process hang, the server ends the transaction, and with it the lock.
    await tx.query(`SELECT set_config('idle_in_transaction_session_timeout', $1, true)`, [
      String(Math.ceil(action.deadlineMs + patienceMs)),
    ])
    const outcome = await this.#inSpan(begun, async (run) => {
      const patch = await action.run(saga.data, { ...run, tx }).catch(rethrow)
      const flaw = patch === undefined ? undefined : plan.shape.flawOf({ ...saga.data, ...patch })
      if (flaw !== undefined)
        throw new LocalFailure(
          Object.assign(new Error(flaw), { code: 'SAGA_DATA_INVALID', retryable: false })
        )
      return { kind: 'done', patch } as const
    })
    await this.#parts.transitions.apply(tx, saga, plan, { kind: 'outcome', token, outcome })
  }

  #runRemote (begun: Begun): Promise<RunOutcome> {
    const { saga, action } = begun
    const { send } = this.#parts
    return this.#inSpan(begun, async (run) => {
      if (action.atomic) throw new Error('a local action is run in its transaction')
      const running = action.run(saga.data, run, { isAsking: saga.state.action === 'settle', send })
      return await Promise.race([running, aborted(run.signal)])
    })
  }

  /** What has happened is written down even when nobody waits for it any more. */
  async #report (plan: SagaPlan, { saga: id, token }: StepCommand, outcome: RunOutcome): Promise<void> {
    const { pool, store, transitions } = this.#parts
    await finishing(() =>
      transaction(pool, async (tx) => {
        const saga = await store.lock(tx, id)
        if (saga !== undefined) await transitions.apply(tx, saga, plan, { kind: 'outcome', token, outcome })
      }, { retries: 3 })
    )
  }

  /** Runs it in a context, a span and a count of its own. */
  async #inSpan<Outcome extends RunOutcome> (
    { saga, action }: Begun,
    work: (run: StepRun & Undoing) => Promise<Outcome>
  ): Promise<Outcome> {
    const { clock, random, tracer, metrics, pool: data, logger, app } = this.#parts
    const { step = '', action: doing, tries, begun } = saga.state
    const isUndo = doing === 'undo'
    const key = isUndo ? `${saga.id}:${step}:undo` : `${saga.id}:${step}`
    const { context, parentSpanId, settle } = stepContext(key, action.deadlineMs, random)
    const span = tracer !== undefined && context.trace.sampled ?
      tracer.start({
        name: `saga ${saga.name} ${step}${isUndo ? ' undo' : ''}`,
        kind: action.atomic ? 'internal' : 'client',
        trace: context.trace,
        parentSpanId,
        attributes: {
          'plimsoll.saga.name': saga.name,
          'plimsoll.saga.id': saga.id,
          'plimsoll.saga.step': step,
        },
      }) :
      undefined
    const startedMs = clock.now()
    let outcome: RunOutcome['kind'] = 'failed'
    try {
      const result = await runWithContext(context, () =>
        work({
          saga: saga.id,
          sagaKey: saga.key,
          key,
          attempt: tries + 1,
          signal: context.signal,
          data,
          logger,
          app,
          outcome: begun.find((entry) => entry.step === step)?.outcome === 'done' ? 'done' : 'unknown',
        }))
      outcome = result.kind
      if (result.kind === 'failed') failSpan(span, result)
      return result
    } catch (error) {
      span?.fail(error instanceof LocalFailure ? error.cause : error)
      throw error
    } finally {
      settle()
      span?.end()
      const seconds = (clock.now() - startedMs) / 1_000
      metrics.runs.slot({ saga: saga.name, step, action: isUndo ? 'undo' : 'act', outcome }).record(seconds)
    }
  }
}

function failSpan (
  span: Span | undefined,
  { failure, effect }: Extract<RunOutcome, { kind: 'failed' }>
): void {
  span?.set('plimsoll.saga.effect', effect)
  span?.fail(Object.assign(new Error(failure.message), { name: failure.code }))
}

/** Deadlocks and the like are left to the transaction, which runs all of it again. */
function rethrow (error: unknown): never {
  const code = (error as { readonly code?: unknown } | undefined)?.code
  throw code === '40001' || code === '40P01' ? error : new LocalFailure(error)
}

/** Ends the wait for an action that does not heed its signal; what becomes of it is unknown. */
function aborted (signal: AbortSignal): Promise<RunOutcome> {
  return new Promise((resolve) => {
    const stop = (): void => resolve(thrownOutcome(signal.reason, false))
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
}
