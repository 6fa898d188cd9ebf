import { hostname } from 'node:os'
import type { Transaction } from '../../data/index.ts'
import { currentContext, type Random } from '../../kernel/index.ts'
import type { Logger } from '../../telemetry/index.ts'
import { advance, type Advanced, hasEnded, parkUnknown, type SagaInput } from './machine/index.ts'
import type { SagaMetrics } from './metrics.ts'
import { runbookOf } from './runbook.ts'
import type { SagaPlan } from './saga-plan.ts'
import type { SagaRecord } from './saga-record.ts'
import type { Actor, SagaStore } from './saga-store.ts'

/** Puts the run of a command into the queue, as a part of the transaction. */
export type Commander = (
  tx: Transaction,
  plan: SagaPlan,
  command: { readonly saga: string; readonly token: number; readonly afterMs: number }
) => Promise<void>

export interface TransitionParts {
  readonly store: SagaStore
  readonly plans: readonly SagaPlan[]
  readonly command: Commander
  readonly metrics: SagaMetrics
  readonly logger: Logger
  readonly random: Random
}

/** Moves sagas on: what the machine decides is written with its commands in the transaction that has the saga locked. */
export class Transitions {
  readonly #parts: TransitionParts
  readonly #plans: ReadonlyMap<string, SagaPlan>
  readonly #process = `${hostname()}:${process.pid}`

  constructor (parts: TransitionParts) {
    this.#parts = parts
    this.#plans = new Map(parts.plans.map((plan) => [keyOf(plan.shape), plan]))
  }

  planOf (saga: Pick<SagaRecord, 'name' | 'version'>): SagaPlan | undefined {
    return this.#plans.get(keyOf(saga))
  }

  /** @param saga as it was locked in `tx` @returns what came of it, and the saga as it is now */
  async apply (
    tx: Transaction,
    saga: SagaRecord,
    plan: SagaPlan,
    input: SagaInput,
    by?: string
  ): Promise<Advanced & { readonly saga: SagaRecord }> {
    const ports = { nowMs: saga.nowMs, random: this.#parts.random }
    const advanced = advance(plan.shape, saga, input, ports)
    await this.#write(tx, saga, plan, advanced, by)
    return { ...advanced, saga: { ...saga, state: advanced.state, data: advanced.data } }
  }

  /** Parks a saga of a definition that nobody knows. */
  async orphan (tx: Transaction, saga: SagaRecord): Promise<void> {
    const failure = {
      code: 'SAGA_DEFINITION_UNKNOWN',
      message: `no process has the definition of saga ${saga.name}, version ${saga.version}`,
    }
    const parked = parkUnknown(saga.state, failure, { nowMs: saga.nowMs, random: this.#parts.random })
    await this.#write(tx, saga, undefined, { ...parked, data: saga.data })
  }

  async #write (
    tx: Transaction,
    saga: SagaRecord,
    plan: SagaPlan | undefined,
    advanced: Advanced,
    by?: string
  ): Promise<void> {
    const { verdict, state, commands, notes } = advanced
    const actor = this.#actor(by)
    const { store } = this.#parts
    if (verdict === 'taken' && (notes.length > 0 || commands.length > 0)) {
      await store.save(tx, saga.id, advanced, { runbook: runbookOf(plan, saga.id, state), actor })
    } else if (notes.length > 0) await store.note(tx, saga.id, notes, actor)
    if (plan !== undefined) {
      for (const { token, afterMs } of commands) {
        await this.#parts.command(tx, plan, { saga: saga.id, token, afterMs })
      }
    }
    this.#tell(saga, advanced)
  }

  #actor (by: string | undefined): Actor {
    return { name: by ?? this.#process, traceId: currentContext()?.trace.traceId }
  }

  #tell ({ id, name, key, state: before }: SagaRecord, { verdict, state, notes }: Advanced): void {
    const { metrics, logger } = this.#parts
    if (verdict === 'late' && notes.length > 0) metrics.late.slot({ saga: name }).add()
    if (verdict !== 'taken' || state.status === before.status) return
    if (hasEnded(state)) metrics.ended.slot({ saga: name, outcome: state.status }).add()
    if (state.parked !== undefined) {
      const { step = '', parked: { failure } } = state
      metrics.parked.slot({ saga: name, step, reason: failure.code }).add()
      logger.error({ saga: name, sagaId: id, key, step, failure }, 'saga parked: it waits for a person')
    } else if (state.status === 'compensating') {
      logger.warn({ saga: name, sagaId: id, key, failure: state.failure }, 'saga is compensated')
    }
  }
}

function keyOf ({ name, version }: { readonly name: string; readonly version: number }): string {
  return `${version} ${name}`
}
