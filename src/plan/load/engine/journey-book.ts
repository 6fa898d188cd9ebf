import { type Random, SettingError } from '../../../kernel/index.ts'
import { arrivalChance, arrivalRandom } from '../arrivals/index.ts'
import type {
  JourneySource,
  JourneySourceExport,
  JourneyStep,
  JourneySteps,
  SourceContext,
} from '../journey.ts'
import type { JourneySpec, StepSpec, ThinkTime, Traffic } from '../plan.ts'

/** Hands out a journey for each arrival. */
export interface JourneyBook {
  /** Its journeys look at the answers, and go on after one that was not as expected. */
  readonly readsAnswers: boolean
  /** @param journey its index, or -1 to have it chosen */
  begin(iteration: number, journey: number): JourneySteps
}

/**
 * @throws SettingError for a module that exports no source
 */
export async function openBook (
  traffic: Traffic,
  seed: number,
  context: Omit<SourceContext, 'input'>
): Promise<JourneyBook> {
  if (traffic.kind === 'journeys') return plainBook(traffic.journeys, seed)
  const { url, exportName = 'default', input } = traffic
  const exported = (await import(url) as Record<string, JourneySourceExport | undefined>)[exportName]
  const source = typeof exported === 'function' ? await exported({ ...context, input }) : exported
  if (typeof source?.next !== 'function') {
    throw new SettingError(
      `traffic.url ${url}`,
      `a module that exports a journey source as "${exportName}"`,
      source
    )
  }
  return sourceBook(source, seed)
}

function sourceBook (source: JourneySource, seed: number): JourneyBook {
  return { readsAnswers: true, begin: (iteration) => source.next(iteration, arrivalRandom(seed, iteration)) }
}

function plainBook (journeys: readonly JourneySpec[], seed: number): JourneyBook {
  let sum = 0
  const ends = journeys.map(({ weight = 1 }) => sum += weight)
  return {
    readsAnswers: false,
    begin (iteration, chosen) {
      const point = chosen >= 0 || ends.length === 1 ? 0 : arrivalChance(seed, iteration) * sum
      const at = chosen >= 0 ? chosen : Math.max(0, ends.findIndex((end) => point < end))
      const { steps = [] } = journeys[at] ?? {}
      return new PlainSteps(steps, seed, iteration)
    },
  }
}

/** The steps of a journey that is data. */
class PlainSteps implements JourneySteps {
  readonly #steps: readonly StepSpec[]
  readonly #seed: number
  readonly #iteration: number
  #random: Random | undefined
  #at = 0

  constructor (steps: readonly StepSpec[], seed: number, iteration: number) {
    this.#steps = steps
    this.#seed = seed
    this.#iteration = iteration
  }

  next (): IteratorResult<JourneyStep, void> {
    const step = this.#steps[this.#at++]
    if (step === undefined) return { done: true, value: undefined }
    if (step.think === undefined) return { done: false, value: step }
    return { done: false, value: { request: step.request, thinkMs: this.#think(step.think) } }
  }

  #think (think: ThinkTime): number {
    if (typeof think === 'number') return think
    this.#random ??= arrivalRandom(this.#seed, this.#iteration)
    if ('meanMs' in think) return -Math.log(1 - this.#random()) * think.meanMs
    return think.fromMs + this.#random() * (think.toMs - think.fromMs)
  }
}
