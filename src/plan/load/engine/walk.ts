import type { Exchange, ExchangeOwner, KeptResponse, PreparedRequest, ReadResponse } from '../client/index.ts'
import type { JourneyStep, JourneySteps } from '../journey.ts'
import type { FailureKind } from '../report.ts'
import type { Counted, RequestRecord } from './recorder.ts'

/** Who moves a walk on. */
export interface WalkGuide {
  stepAnswered(walk: Walk, exchange: Exchange, response: ReadResponse, kept: KeptResponse | undefined): void
  stepFailed(walk: Walk, exchange: Exchange, kind: FailureKind): void
}

/** One user on the way through a journey. */
export class Walk implements ExchangeOwner, Counted {
  readonly #guide: WalkGuide
  readonly steps: JourneySteps
  readonly target: number
  readonly phase: number
  /** Called once, when it is over. @param pause its user is not to come again at once */
  readonly onEnd: ((pause: boolean) => void) | undefined
  /** A step was not as expected. */
  broken = false
  /** The step under way, with its request; unset before the first. */
  step!: JourneyStep
  request!: PreparedRequest
  record!: RequestRecord

  constructor (
    guide: WalkGuide,
    steps: JourneySteps,
    place: { readonly target: number; readonly phase: number },
    onEnd?: (pause: boolean) => void
  ) {
    this.#guide = guide
    this.steps = steps
    this.target = place.target
    this.phase = place.phase
    this.onEnd = onEnd
  }

  answered (exchange: Exchange, response: ReadResponse, kept: KeptResponse | undefined): void {
    this.#guide.stepAnswered(this, exchange, response, kept)
  }

  failed (exchange: Exchange, kind: FailureKind): void {
    this.#guide.stepFailed(this, exchange, kind)
  }
}
