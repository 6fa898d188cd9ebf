import { SettingError } from '../../kernel/index.ts'
import type { Tier } from '../jobs/index.ts'
import type { RunOutcome, SagaData, SagaShape } from './machine/index.ts'
import type { StartsOn } from './saga-options.ts'
import type { LocalRun, StepRun, Undoing } from './step-run.ts'
import type { WaitedEvent, WaitFor } from './wait-for.ts'

/** An action or a compensation, ready to be run. */
export type PlannedAction =
  | {
    readonly atomic: true
    readonly deadlineMs: number
    /** @throws what the action throws */
    readonly run: (data: SagaData, run: LocalRun & Undoing) => Promise<SagaData | undefined>
  }
  | {
    readonly atomic: false
    readonly deadlineMs: number
    /** @param isAsking whether to find out what became of it, where there is another way than to run it again */
    readonly run: (
      data: SagaData,
      run: StepRun & Undoing,
      how: { readonly isAsking: boolean; readonly send: typeof fetch }
    ) => Promise<RunOutcome>
  }

/** A definition, taken apart: what the machine has to know, and what is to be run. */
export interface SagaPlan {
  readonly shape: SagaShape
  readonly tier: Tier
  /** By the step's name. */
  readonly actions: ReadonlyMap<string, { readonly act?: PlannedAction; readonly undo?: PlannedAction }>
  /** What a person is to do, by the step's name; of its compensation by `<name>:undo`. */
  readonly runbooks: ReadonlyMap<string, string>
  /** All of its waits, by what they wait for. */
  readonly waits: ReadonlyMap<string, readonly WaitFor<never>[]>
  readonly events: readonly WaitedEvent[]
  readonly startsOn: StartsOn<SagaData> | undefined
  readonly keyOf: ((data: SagaData) => string) | undefined
  /** What must not change under one version: steps, their kinds, their order, the point of no return. */
  readonly fingerprint: string
}

/** @throws SettingError for one version of a saga that is defined twice */
export function checkOnce (plans: readonly SagaPlan[]): void {
  const names = plans.map(({ shape: { name, version } }) => `${name}, version ${version}`)
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined) throw new SettingError('sagas', 'each version of a saga once', twice)
}
