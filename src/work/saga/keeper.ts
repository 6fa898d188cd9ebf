import type { Pool } from 'pg'
import { type Transaction, transaction } from '../../data/index.ts'
import {
  type Cancel,
  type Clock,
  Deadline,
  inTime,
  openContext,
  type Random,
  resumeContext,
  runWithContext,
  runWithoutContext,
} from '../../kernel/index.ts'
import type { Logger } from '../../telemetry/index.ts'
import type { SagaMetrics } from './metrics.ts'
import type { SagaPlan } from './saga-plan.ts'
import type { SagaRecord } from './saga-record.ts'
import type { SagaStore } from './saga-store.ts'
import type { Transitions } from './transitions.ts'

/** Wakes sagas whose time has come. Each process that works on jobs runs one. */
export interface SagaKeeper {
  start(): Promise<void>
  /** Begins nothing more, and waits for what it is at, for at most `graceMs` milliseconds. */
  drain(graceMs: number): Promise<void>
  close(): Promise<void>
}

export interface KeeperParts {
  readonly pool: Pool
  readonly store: SagaStore
  readonly transitions: Transitions
  readonly plans: readonly SagaPlan[]
  readonly announce: () => Promise<void>
  /** How long nobody may have known a definition before its sagas are parked, in milliseconds. */
  readonly vanishedMs: number
  /** How long those that have ended are kept, in milliseconds. */
  readonly keptMs: number
  readonly metrics: SagaMetrics
  readonly logger: Logger
  readonly clock: Clock
  readonly random: Random
}

/** Sagas that are due are looked for so often, in milliseconds: half more or less. */
const lookEveryMs = 1_000
const lookAtOnce = 100
/** Everything else is seen to at least so often, in milliseconds. */
const tidyEveryMs = 15_000
/** Bounds the keeper's own statements, in milliseconds. */
const patienceMs = 15_000

export function openKeeper (parts: KeeperParts): SagaKeeper {
  return new Keeper(parts)
}

class Keeper implements SagaKeeper {
  readonly #parts: KeeperParts
  readonly #known: readonly { readonly name: string; readonly version: number }[]
  readonly #counted: Set<string> = new Set()
  readonly #tidyEveryMs: number
  #cancel: Cancel | undefined
  #looking: Promise<void> | undefined
  #isOpen = false
  #startedMs = 0
  #tidiedMs = Number.NEGATIVE_INFINITY
  #failures = 0

  constructor (parts: KeeperParts) {
    this.#parts = parts
    this.#tidyEveryMs = Math.min(tidyEveryMs, parts.vanishedMs / 3)
    this.#known = parts.plans.map(({ shape: { name, version } }) => ({ name, version }))
  }

  async start (): Promise<void> {
    if (this.#isOpen) return
    this.#isOpen = true
    this.#startedMs = this.#parts.clock.now()
    this.#schedule(0)
  }

  drain (graceMs: number): Promise<void> {
    return inTime(this.#parts.clock, graceMs, this.close())
  }

  async close (): Promise<void> {
    this.#isOpen = false
    this.#cancel?.()
    await this.#looking
  }

  #schedule (afterMs: number): void {
    if (!this.#isOpen) return
    this.#cancel = runWithoutContext(() =>
      this.#parts.clock.after(afterMs, () => {
        this.#looking = this.#look().then((more) => {
          this.#looking = undefined
          this.#schedule(more ? 0 : lookEveryMs * (0.5 + this.#parts.random()))
        })
      })
    )
  }

  /** @returns whether there is more to do at once */
  async #look (): Promise<boolean> {
    const { store, clock, logger } = this.#parts
    try {
      const due = await this.#inBackground(() => store.due(lookAtOnce))
      for (const id of due) if (this.#isOpen) await this.#inSaga(id, (tx, saga) => this.#wake(tx, saga))
      if (clock.now() - this.#tidiedMs >= this.#tidyEveryMs) await this.#tidy()
      this.#failures = 0
      return due.length === lookAtOnce
    } catch (error) {
      if (this.#failures++ === 0) logger.warn({ err: error }, 'sagas could not be looked after; trying again')
      return false
    }
  }

  async #wake (tx: Transaction, saga: SagaRecord): Promise<void> {
    const { store, transitions } = this.#parts
    const plan = transitions.planOf(saga)
    // Of a definition that is not known here: a process that knows it may wake it first.
    if (plan === undefined) await store.snooze(tx, saga.id)
    else await transitions.apply(tx, saga, plan, { kind: 'wake' })
  }

  async #tidy (): Promise<void> {
    const { store, transitions, announce, vanishedMs, keptMs, clock } = this.#parts
    this.#tidiedMs = clock.now()
    await this.#inBackground(announce)
    const back = await this.#inBackground(() => store.returned(this.#known, 'SAGA_DEFINITION_UNKNOWN'))
    for (const id of back) if (this.#isOpen) await this.#inSaga(id, (tx, saga) => this.#resume(tx, saga))
    // Whoever starts together with this process has the time to say what it knows.
    if (clock.now() - this.#startedMs >= vanishedMs) {
      const orphans = await this.#inBackground(() => store.orphans(this.#known, vanishedMs))
      for (const id of orphans)
        if (this.#isOpen)
          await this.#inSaga(id, (tx, saga) => transitions.orphan(tx, saga))
    }
    await this.#inBackground(() => store.forget(keptMs, lookAtOnce * 5))
    await this.#inBackground(() => this.#count())
  }

  async #resume (tx: Transaction, saga: SagaRecord): Promise<void> {
    const { transitions } = this.#parts
    const plan = transitions.planOf(saga)
    if (plan !== undefined) await transitions.apply(tx, saga, plan, { kind: 'resume', force: false })
  }

  async #count (): Promise<void> {
    const { store, metrics } = this.#parts
    const gone = new Set(this.#counted)
    for (const { name, status, count } of await store.counts()) {
      metrics.unfinished.slot({ saga: name, status }).set(count)
      this.#counted.add(`${status} ${name}`)
      gone.delete(`${status} ${name}`)
    }
    for (const entry of gone) {
      const [status = '', ...name] = entry.split(' ')
      metrics.unfinished.slot({ saga: name.join(' '), status }).set(0)
    }
  }

  /** Works on one saga that nobody else works on, in the trace that it was started in. */
  async #inSaga (id: string, work: (tx: Transaction, saga: SagaRecord) => Promise<void>): Promise<void> {
    const { pool, store, random, clock } = this.#parts
    await this.#inBackground(() =>
      transaction(pool, async (tx) => {
        const saga = await store.lockFree(tx, id)
        if (saga === undefined) return
        const context = resumeContext(saga.context, { id, deadline: Deadline.in(patienceMs, clock) }, random)
        try {
          await runWithContext(context, () => work(tx, saga))
        } finally {
          context.settle()
        }
      })
    )
  }

  async #inBackground<Result> (work: () => Promise<Result>): Promise<Result> {
    const { clock, random } = this.#parts
    const context = openContext({ id: 'sagas', deadline: Deadline.in(patienceMs, clock) }, random)
    try {
      return await runWithContext(context, work)
    } finally {
      context.settle()
    }
  }
}
