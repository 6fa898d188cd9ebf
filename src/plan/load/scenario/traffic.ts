import type { Random } from '../../../kernel/index.ts'
import type { JourneyAnswer, JourneySource, JourneyStep, SourceContext } from '../journey.ts'
import type { LoadDefinition } from './definition.ts'
import { ScenarioError, thrownAt } from './errors.ts'
import { JourneyRun } from './journey-run.ts'
import { loadScenario } from './load-scenario.ts'
import { StepResponse } from './response.ts'
import { type Journey, pickJourney } from './scenario.ts'
import type { Step } from './step.ts'

/** What the engine hands to `scenarioTraffic` in each of its threads. */
export interface ScenarioInput {
  /** `file:` URL of the scenario's module. */
  readonly module: string
  /** What wins over what the module says. */
  readonly overrides: Partial<LoadDefinition>
}

/** Loads a scenario in a thread of the generator, and makes journeys of it there. */
export async function scenarioTraffic ({ input }: SourceContext): Promise<JourneySource> {
  const { module, overrides } = input as ScenarioInput
  const { journeys } = await loadScenario(new URL(module), overrides)
  return sourceOf(journeys)
}

/** Journeys for the engine, of those of a scenario. */
export function sourceOf (journeys: readonly Journey[]): JourneySource {
  return {
    next (iteration, random) {
      const journey = pickJourney(journeys, random)
      return stepsOf(journey, random, iteration)
    },
  }
}

function* stepsOf (
  journey: Journey,
  random: Random,
  iteration: number
): Generator<JourneyStep, void, JourneyAnswer> {
  const run = new JourneyRun(journey, random, iteration)
  for (let next = run.next(); next !== undefined;) {
    const { step, request, thinkMs, isRead } = next
    const judges = step.judge !== undefined
    const answer = yield {
      request,
      thinkMs,
      keep: isRead || judges,
      ...(judges ? { judge: (answer: JourneyAnswer) => verdictOf(answer, step, journey) } : {}),
    }
    if (!answer.expected) return
    next = run.next(responseOf(answer))
  }
}

function verdictOf (answer: JourneyAnswer, { name, judge }: Step, journey: Journey): string | undefined {
  try {
    return judge?.(responseOf(answer))
  } catch (error) {
    const message = `what step "${name}" of journey "${journey.name}" expects failed: ${thrownAt(error)}`
    throw new ScenarioError('SCENARIO_STEP_FAILED', message, error)
  }
}

function responseOf ({ statusCode, headers, body }: JourneyAnswer): StepResponse {
  return new StepResponse(statusCode, Object.fromEntries(headers), body)
}
