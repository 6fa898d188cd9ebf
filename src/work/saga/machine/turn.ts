import { fullJitter, type Random } from '../../../kernel/index.ts'
import type { NoteKind, SagaCommand, SagaNote } from './input.ts'
import type { ActShape, SagaShape, StepShape } from './shape.ts'
import { type BegunStep, hasEnded, type SagaData, type SagaFailure, type SagaState } from './state.ts'

/** What a transition works with, besides shape and state. */
export interface TurnPorts {
  /** Milliseconds since the epoch. */
  readonly nowMs: number
  readonly random: Random
}

/** How long a run that is over its deadline may take to say so before it is taken for lost, in milliseconds. */
const silenceMs = 5_000
/** After what time a command that nobody has begun is given again, in milliseconds, doubled each time; and how often. */
const rescue = { firstMs: 60_000, most: 8 } as const

type Draft = { -readonly [Name in keyof SagaState]: SagaState[Name] }

/** One transition under construction: a copy of the state, what is commanded, and what is noted. */
export class Turn {
  readonly shape: SagaShape
  readonly state: Draft
  data: SagaData
  readonly nowMs: number
  readonly commands: SagaCommand[] = []
  readonly notes: SagaNote[] = []
  readonly #random: Random

  constructor (shape: SagaShape, state: SagaState, data: SagaData, { nowMs, random }: TurnPorts) {
    this.shape = shape
    this.state = { ...state }
    this.data = data
    this.nowMs = nowMs
    this.#random = random
  }

  /** The step that the saga is at. @throws Error for a state of another shape */
  get step (): StepShape {
    const { step } = this.state
    const found = this.shape.steps.find(({ name }) => name === step)
    if (found === undefined) throw new Error(`saga ${this.shape.name} has no step ${String(step)}`)
    return found
  }

  /** What is being run: the action of the step, or its compensation. */
  get act (): ActShape {
    const act = this.state.action === 'undo' ? this.step.undo : this.step.act
    if (act === undefined)
      throw new Error(`step ${this.step.name} has nothing to run as ${this.state.action}`)
    return act
  }

  get isPivot (): boolean {
    return this.shape.pivot !== undefined && this.shape.steps[this.shape.pivot] === this.step
  }

  note (kind: NoteKind, detail?: Readonly<Record<string, unknown>>): void {
    const { step } = this.state
    this.notes.push({
      kind,
      ...(step === undefined ? {} : { step }),
      ...(detail === undefined ? {} : { detail }),
    })
  }

  /** Commands a run of the current action; whatever was commanded before is late from here on. */
  command (afterMs: number): void {
    this.state.token++
    this.state.phase = 'due'
    this.state.rescues = 0
    this.state.stepAtMs = this.nowMs + afterMs + rescue.firstMs
    this.commands.push({ kind: 'run', token: this.state.token, afterMs })
  }

  /** Commands another try, after a pause. */
  commandAgain (retryAfterMs = 0): void {
    const pauseMs = fullJitter(this.state.tries, this.act.backoff, this.#random)
    this.command(Math.ceil(Math.max(pauseMs, retryAfterMs)))
  }

  /** Gives the command that is out once more, with its token; parks when that has not helped. */
  rescue (): void {
    const { token, rescues } = this.state
    if (rescues >= rescue.most) {
      return this.park({
        code: 'SAGA_STEP_UNHEARD',
        message: 'no worker has begun this step; is one running?',
      })
    }
    this.state.rescues++
    this.state.stepAtMs = this.nowMs + rescue.firstMs * 2 ** this.state.rescues
    this.commands.push({ kind: 'run', token, afterMs: 0 })
    this.note('rescued')
  }

  /** The command that is out is being run. */
  begin (): void {
    this.state.phase = 'begun'
    this.state.stepAtMs = this.nowMs + this.act.deadlineMs + silenceMs
    this.note('began', { action: this.state.action, try: this.state.tries + 1 })
  }

  /** Nobody has to run anything. */
  rest (): void {
    this.state.token++
    this.state.phase = 'due'
    delete this.state.stepAtMs
  }

  /** Stops it for a person to look at. Runs that are under way count as late, and as of unknown outcome. */
  park (failure: SagaFailure): void {
    const { status, phase } = this.state
    if (status === 'parked' || hasEnded(this.state)) return
    if (phase === 'begun') this.state.doubt = true
    const { step } = this.state
    this.state.parked = {
      failure: { ...(step === undefined ? {} : { step }), ...failure },
      from: status as 'running',
    }
    this.state.status = 'parked'
    delete this.state.giveUp
    this.rest()
    this.note('parked', { ...failure })
  }

  finish (status: 'completed' | 'compensated'): void {
    this.rest()
    delete this.state.step
    delete this.state.giveUp
    this.state.status = status
    this.state.mailbox = []
    this.note(status)
  }

  /** Says what is known of the current step, where it has a compensation. */
  mark (outcome: BegunStep['outcome']): void {
    const { step, begun } = this.state
    this.state.begun = begun.map((entry) => entry.step === step ? { step, outcome } : entry)
  }

  /** The current step had no effect: there is nothing to undo. */
  unmark (): void {
    this.state.begun = this.state.begun.filter(({ step }) => step !== this.state.step)
  }
}
