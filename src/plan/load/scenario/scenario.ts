import { parseDuration, type Random, SettingError } from '../../../kernel/index.ts'
import {
  type ArrivalPhase,
  type ArrivalProcess,
  arrivalProcesses,
  hold,
  resolveArrivals,
} from './arrivals.ts'
import type { JourneyDefinition, LoadDefinition } from './definition.ts'
import { mergeHeaders } from './request.ts'
import { resolveStep, type Step } from './step.ts'
import { parseTarget, type Target } from './target.ts'

/** A load test, checked and completed. */
export interface Scenario {
  readonly target: Target
  readonly arrivals: readonly ArrivalPhase[]
  readonly process: ArrivalProcess
  readonly journeys: readonly Journey[]
  readonly thresholds: readonly string[]
  /** 0 for none. */
  readonly warmUpMs: number
  readonly timeoutMs: number
  /** The generator's own choice where there is none. */
  readonly connections: number | undefined
  readonly fresh: boolean
  readonly threads: number | undefined
  readonly seed: number | undefined
  /** The generator's own choice where there is none. */
  readonly allowLagMs: number | undefined
}

/** What one kind of user does. */
export interface Journey {
  readonly name: string
  /** Above 0. */
  readonly weight: number
  /** At least one. */
  readonly steps: readonly Step[]
  /** Index of the last step with a function in it: the answers before it may be read. -1 for none. */
  readonly lastVarying: number
}

/** Which of the journeys begins, by weight. */
export function pickJourney (journeys: readonly Journey[], random: Random): Journey {
  const total = journeys.reduce((sum, { weight }) => sum + weight, 0)
  let left = random() * total
  for (const journey of journeys) {
    left -= journey.weight
    if (left < 0) return journey
  }
  // Rounding can leave a hair over.
  return journeys.at(-1) as Journey
}

/**
 * Checks a definition, and fills in what it leaves out.
 *
 * @throws SettingError for the first thing that is wrong
 */
export function resolveScenario (definition: LoadDefinition): Scenario {
  const { arrivals = [hold(50, '10s')], process = 'poisson', thresholds = [], journeys } = definition
  const { warmUp = 0, timeout = '10s', connections, fresh = false, threads, seed, allowLag } = definition
  if (!arrivalProcesses.includes(process)) {
    throw new SettingError('process', 'constant or poisson', process)
  }
  if (!Array.isArray(journeys) || journeys.length === 0) {
    throw new SettingError('journeys', 'a list with at least one journey', journeys)
  }
  const target = parseTarget(definition.target)
  return {
    target,
    arrivals: resolveArrivals(arrivals),
    process,
    journeys: journeys.map((journey: JourneyDefinition, index) =>
      resolveJourney(journey, definition, target, `journeys[${index}]`)
    ),
    thresholds,
    warmUpMs: parseDuration(warmUp, 'warmUp'),
    timeoutMs: aboveZero(parseDuration(timeout, 'timeout'), 'timeout'),
    connections: optionalCount(connections, 'connections'),
    fresh,
    threads: optionalCount(threads, 'threads'),
    seed: seed === undefined ? undefined : wholeNumber(seed, 'seed'),
    allowLagMs: allowLag === undefined ? undefined : parseDuration(allowLag, 'allowLag'),
  }
}

function resolveJourney (
  journey: JourneyDefinition,
  definition: LoadDefinition,
  target: Target,
  setting: string
): Journey {
  if (typeof journey !== 'object' || journey === null) {
    throw new SettingError(setting, 'a journey: { name, steps: [...] }', journey)
  }
  const { name, weight = 1, steps, think = 0 } = journey
  if (typeof name !== 'string' || name === '') throw new SettingError(`${setting}.name`, 'a name', name)
  if (!(weight > 0 && Number.isFinite(weight))) {
    throw new SettingError(`${setting}.weight`, 'a number above 0', weight)
  }
  if (!Array.isArray(steps) || steps.length === 0) {
    throw new SettingError(`${setting}.steps`, 'a list with at least one step', steps)
  }
  const headers = mergeHeaders(`${setting}.headers`, definition.headers, journey.headers)
  const resolved = steps.map((step, index) =>
    // A user does not think before the first request: that is when it arrives.
    resolveStep(step, {
      setting: `${setting}.steps[${index}]`,
      headers,
      think: index === 0 ? 0 : think,
      basePath: target.basePath,
    })
  )
  const lastVarying = resolved.findLastIndex(({ fixed }) => fixed === undefined)
  return { name, weight, steps: resolved, lastVarying }
}

function aboveZero (value: number, setting: string): number {
  if (value > 0) return value
  throw new SettingError(setting, 'above 0', value)
}

function optionalCount (value: number | undefined, setting: string): number | undefined {
  return value === undefined || (Number.isInteger(value) && value >= 1) ? value : refuse(value, setting)
}

function refuse (value: unknown, setting: string): never {
  throw new SettingError(setting, 'a whole number of at least 1', value)
}

function wholeNumber (value: number, setting: string): number {
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 32) return value
  throw new SettingError(setting, 'a whole number from 0 to 4294967295', value)
}
