import type { Random } from '../../../kernel/index.ts'
import type { RequestSpec } from '../plan.ts'
import { ScenarioError, thrownAt } from './errors.ts'
import type { StepResponse } from './response.ts'
import type { Journey } from './scenario.ts'
import type { Step } from './step.ts'
import { thinkMs } from './think.ts'
import type { Turn } from './turn.ts'

/** The next request of a journey. */
export interface NextRequest {
  readonly step: Step
  /** How long the user thinks before it, in milliseconds. */
  readonly thinkMs: number
  readonly request: RequestSpec
  /** Whether a later step's functions may look at its answer. */
  readonly isRead: boolean
}

/**
 * One user on its way through a journey. Pure: it sends nothing and knows no clock.
 *
 * `next` is called to begin, and again after each answer that was as the step expects.
 */
export class JourneyRun {
  readonly #journey: Journey
  readonly #turn: Turn
  readonly #responses = new Map<string, StepResponse>()
  #at = -1

  /** @param number of this journey in the run; no two have the same */
  constructor (journey: Journey, random: Random, number: number) {
    this.#journey = journey
    const { steps } = journey
    const find = (step: string): StepResponse => this.#find(step)
    const previousName = (): string | undefined => steps[this.#at - 1]?.name
    this.#turn = {
      random,
      journey: number,
      get previous () {
        const name = previousName()
        if (name !== undefined) return find(name)
        throw new ScenarioError(
          'SCENARIO_STEP_FAILED',
          'the first step of a journey has no previous response'
        )
      },
      response: find,
    }
  }

  /**
   * @param response to the request before; `undefined` at the start
   * @returns `undefined` once the journey is over
   * @throws ScenarioError with file and line, when a function of the scenario throws or gives what cannot be sent
   */
  next (response?: StepResponse): NextRequest | undefined {
    const before = this.#journey.steps[this.#at]
    if (before !== undefined && response !== undefined) this.#responses.set(before.name, response)
    this.#at++
    const step = this.#journey.steps[this.#at]
    if (step === undefined) return undefined
    const request = step.fixed ?? this.#plan(step)
    if (request === undefined) return undefined
    const isRead = this.#at < this.#journey.lastVarying
    return { step, thinkMs: thinkMs(step.think, this.#turn.random), request, isRead }
  }

  #plan (step: Step): RequestSpec | undefined {
    try {
      return step.plan(this.#turn)
    } catch (error) {
      const message = `step "${step.name}" of journey "${this.#journey.name}" failed: ${thrownAt(error)}`
      throw new ScenarioError('SCENARIO_STEP_FAILED', message, error)
    }
  }

  #find (step: string): StepResponse {
    const response = this.#responses.get(step)
    if (response !== undefined) return response
    const names = [...this.#responses.keys()].join(', ') || 'none'
    throw new ScenarioError(
      'SCENARIO_STEP_FAILED',
      `there is no response of a step "${step}" yet (there is: ${names})`
    )
  }
}
