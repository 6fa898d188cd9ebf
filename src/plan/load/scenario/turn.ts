import type { Random } from '../../../kernel/index.ts'
import type { StepResponse } from './response.ts'

/** What a step's functions are given: where its journey stands. */
export interface Turn {
  /** Repeats itself for the run's seed; take nothing random from elsewhere. */
  readonly random: Random
  /** The number of this journey: the first that started is 0, and no two have the same. */
  readonly journey: number
  /** Answer to the step before. @throws ScenarioError in the first step, which has none */
  readonly previous: StepResponse
  /** Answer to an earlier step, by its name. @throws ScenarioError when there is none yet */
  readonly response: (step: string) => StepResponse
}

/** One of a list, each alike. */
export function pick<T> (random: Random, list: readonly T[]): T {
  if (list.length === 0) throw new RangeError('there is nothing to pick from: the list is empty')
  return list[Math.floor(random() * list.length)] as T
}

/** A whole number from `low` to `high`, both included, each alike. */
export function between (random: Random, low: number, high: number): number {
  return low + Math.floor(random() * (high - low + 1))
}
