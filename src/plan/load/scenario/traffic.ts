import type { Random } from '../../../kernel/index.ts'
import type { JourneyAnswer, JourneySource, JourneyStep, SourceContext } from '../journey.ts'
import type { LoadDefinition } from './definition.ts'
import { JourneyRun } from './journey-run.ts'
import { loadScenario } from './load-scenario.ts'
import { StepResponse } from './response.ts'
import { type Journey, pickJourney } from './scenario.ts'

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
    const { step: { judge }, request, thinkMs, isRead } = next
    const answer = yield {
      request,
      thinkMs,
      keep: isRead,
      ...(judge === undefined ? {} : { judge: (answer: JourneyAnswer) => judge(responseOf(answer)) }),
    }
    if (!answer.expected) return
    next = run.next(responseOf(answer))
  }
}

function responseOf ({ statusCode, headers, body }: JourneyAnswer): StepResponse {
  return new StepResponse(statusCode, Object.fromEntries(headers), body)
}
