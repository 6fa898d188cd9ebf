import { extname } from 'node:path'
import type { JourneySpec, LoadPlan, Phase, ThinkTime as PlanThink, Traffic } from '../plan.ts'
import type { ArrivalPhase, ArrivalProcess } from './arrivals.ts'
import type { LoadDefinition } from './definition.ts'
import type { Journey, Scenario } from './scenario.ts'
import type { ThinkTime } from './think.ts'
import type { ScenarioInput } from './traffic.ts'

/** Where a scenario came from, so that the generator's threads can load it, too. */
export interface ScenarioSource {
  /** `file:` URL. */
  readonly module: string
  readonly overrides: Partial<LoadDefinition>
}

/**
 * What the engine is to do for a scenario. One without functions becomes plain data, whose requests are prepared
 * once; any other is loaded by each thread.
 *
 * @param source of a scenario that has functions
 */
export function planOf (scenario: Scenario, source?: ScenarioSource): LoadPlan {
  const { target, process, arrivals, warmUpMs, timeoutMs, threads, seed, allowLagMs } = scenario
  return {
    targets: [target.origin],
    phases: [...warmUp(arrivals, warmUpMs, process), ...arrivals.map((part) => phaseOf(part, process))],
    traffic: trafficOf(scenario.journeys, source),
    connections: connectionsOf(scenario),
    patienceMs: timeoutMs,
    ...(threads === undefined ? {} : { threads }),
    ...(seed === undefined ? {} : { seed }),
    ...(allowLagMs === undefined ? {} : { honesty: honestyOf(allowLagMs) }),
  }
}

function phaseOf (part: ArrivalPhase, process: ArrivalProcess): Phase {
  const { name, fromPerSecond, toPerSecond, durationMs } = part
  if (fromPerSecond === toPerSecond) return { kind: process, name, perSecond: fromPerSecond, durationMs }
  const spread = process === 'poisson' ? 'poisson' : 'even'
  return { kind: 'ramp', name, fromPerSecond, toPerSecond, durationMs, spread }
}

function warmUp ([first]: readonly ArrivalPhase[], durationMs: number, process: ArrivalProcess): Phase[] {
  if (first === undefined || durationMs === 0) return []
  return [{ kind: process, name: 'warm-up', warmUp: true, perSecond: first.fromPerSecond, durationMs }]
}

/** The latest of all may be later than the 99th percentile, as much as by default. */
function honestyOf (lagP99Ms: number): NonNullable<LoadPlan['honesty']> {
  return { lagP99Ms, lagMaxMs: Math.max(1_000, lagP99Ms * 10) }
}

function connectionsOf ({ fresh, connections }: Scenario): NonNullable<LoadPlan['connections']> {
  if (fresh) return { kind: 'fresh' }
  return connections === undefined ?
    { kind: 'keep-alive' } :
    { kind: 'keep-alive', open: connections, maximum: connections }
}

function trafficOf (journeys: readonly Journey[], source: ScenarioSource | undefined): Traffic {
  const plain = journeys.map(plainJourney)
  if (plain.every((journey) => journey !== undefined)) return { kind: 'journeys', journeys: plain }
  if (source === undefined) throw new TypeError('a scenario with functions needs the module that holds them')
  const input: ScenarioInput = source
  // The file beside this one, in the sources as in a build.
  const url = new URL(`./traffic${extname(import.meta.url)}`, import.meta.url).href
  return { kind: 'module', url, exportName: 'scenarioTraffic', input }
}

/** @returns `undefined` for a journey with functions */
function plainJourney ({ name, weight, steps }: Journey): JourneySpec | undefined {
  const plain = steps.flatMap(({ fixed, judge, think }) =>
    fixed === undefined || judge !== undefined ? [] : [{ request: fixed, think: planThink(think) }]
  )
  return plain.length === steps.length ? { name, weight, steps: plain } : undefined
}

function planThink (think: ThinkTime): PlanThink {
  switch (think.kind) {
    case 'fixed':
      return think.ms
    case 'uniform':
      return { fromMs: think.fromMs, toMs: think.toMs }
    case 'exponential':
      return { meanMs: think.meanMs }
  }
}
