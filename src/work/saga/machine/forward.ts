import { compensate } from './backward.ts'
import type { RunOutcome } from './input.ts'
import { type Accepted, end } from './shape.ts'
import type { SagaData, SagaFailure } from './state.ts'
import type { Turn } from './turn.ts'

/** Goes to a step. Its compensation is registered here, before anybody can run the action. */
export function enter (turn: Turn, index: number): void {
  const { state, shape } = turn
  const step = shape.steps[index]
  if (step === undefined) return turn.finish('completed')
  state.step = step.name
  state.tries = 0
  state.doubt = false
  if (step.act === undefined) return startWait(turn)
  if (step.undo !== undefined) state.begun = [...state.begun, { step: step.name, outcome: 'begun' }]
  state.action = 'act'
  turn.command(0)
}

/** The action of the current step has taken effect. */
export function acted (turn: Turn, patch: SagaData | undefined): void {
  turn.note('done')
  turn.state.doubt = false
  turn.mark('done')
  if (!keepPatch(turn, patch)) return
  if (turn.step.wait === undefined) goOn(turn)
  else startWait(turn)
}

/** A run of the action has failed: another try, a question what became of it, or the step has failed. */
export function actFailed (turn: Turn, outcome: Extract<RunOutcome, { kind: 'failed' }>): void {
  const { state, act } = turn
  const { failure, effect, retryable, retryAfterMs } = outcome
  if (effect === 'unknown') state.doubt = true
  if (effect === 'refused') state.doubt = false
  state.tries++
  turn.note('try failed', { ...failure, effect, try: state.tries })
  const isDecided = effect === 'refused' && !retryable
  if (state.action === 'settle') {
    if (state.doubt && state.tries < act.asks) return turn.commandAgain(retryAfterMs)
    return stepFailed(turn, failure)
  }
  const mayRepeat = act.repeatable || !state.doubt
  if (retryable && mayRepeat && !isDecided && state.giveUp === undefined && state.tries < act.attempts) {
    return turn.commandAgain(retryAfterMs)
  }
  if (!settle(turn)) stepFailed(turn, failure)
}

/** Starts to ask what became of an action of unknown outcome. @returns whether there is something to ask, and a way */
export function settle (turn: Turn): boolean {
  const { state, act } = turn
  if (!state.doubt || act.asks === 0) return false
  state.action = 'settle'
  state.tries = 0
  turn.note('asking')
  turn.command(0)
  return true
}

/** Waits for a signal; one that has come already is taken at once. */
export function startWait (turn: Turn): void {
  const { state, step } = turn
  if (step.wait === undefined) throw new Error(`step ${step.name} waits for nothing`)
  turn.rest()
  state.action = 'wait'
  for (const signal of state.mailbox) {
    const accepted = acceptBy(turn, signal)
    if (accepted === undefined) continue
    state.mailbox = state.mailbox.filter((kept) => kept !== signal)
    return answered(turn, accepted)
  }
  if (state.giveUp !== undefined) return stepFailed(turn, state.giveUp)
  state.stepAtMs = turn.nowMs + step.wait.timeoutMs
  turn.note('waiting')
}

/** What the current wait makes of a signal; what it throws is a refusal. */
export function acceptBy (
  turn: Turn,
  signal: Parameters<NonNullable<Turn['step']['wait']>['accept']>[0]
): Accepted | undefined {
  try {
    return turn.step.wait?.accept(signal, turn.data)
  } catch (error) {
    const message = `what the step makes of ${signal.name} threw: ${(error as Error)?.message}`
    return { kind: 'refused', failure: { code: 'SAGA_SIGNAL_FAILED', message } }
  }
}

/** The signal that the current step waits for is there. */
export function answered (turn: Turn, accepted: Accepted): void {
  turn.note('signal', accepted.kind === 'refused' ? { ...accepted.failure } : undefined)
  turn.state.doubt = false
  if (accepted.kind === 'refused') return stepFailed(turn, accepted.failure)
  turn.mark('done')
  if (keepPatch(turn, accepted.patch)) goOn(turn)
}

/** The current step has not done, and will not do, what it is for. */
export function stepFailed (turn: Turn, failure: SagaFailure): void {
  const { state, shape, step } = turn
  const why: SagaFailure = { step: step.name, ...state.giveUp ?? failure }
  const isPivotInDoubt = state.doubt && turn.isPivot
  turn.note('failed', { ...why, ...(state.doubt ? { effect: 'unknown' } : {}) })
  // Past the point of no return, or perhaps past it, there is no way back: a person has to look.
  if (isPivotInDoubt || (state.committed && (step.onFailure === undefined || state.giveUp !== undefined))) {
    return turn.park(why)
  }
  const isUndoable = step.undo !== undefined
  if (state.doubt) turn.mark('unknown')
  // A refusal that was waited for ends a step whose action is done: what that has left behind is undone.
  else if (state.action !== 'wait') turn.unmark()
  if (state.giveUp === undefined && step.onFailure !== undefined && !(state.doubt && isUndoable)) {
    return enter(turn, shape.steps.findIndex(({ name }) => name === step.onFailure))
  }
  compensate(turn, why)
}

/** The current step is done: goes to the one that its branch names, or the next. */
export function goOn (turn: Turn): void {
  const { state, shape, step } = turn
  const at = shape.steps.indexOf(step)
  const { giveUp } = state
  delete state.giveUp
  state.action = 'branch'
  turn.mark('done')
  if (turn.isPivot) pass(turn)
  if (giveUp !== undefined && !state.committed) return compensate(turn, giveUp)
  const next = nextOf(turn, at)
  if (typeof next === 'object') return turn.park(next)
  // Whoever goes round the point of no return has passed it, too: the steps behind it have no compensation.
  if (shape.pivot !== undefined && next > shape.pivot) pass(turn)
  if (giveUp !== undefined && next < shape.steps.length) {
    if (giveUp.code !== 'SAGA_CANCELLED') return turn.park(giveUp)
    turn.note('cancel too late')
  }
  enter(turn, next)
}

function pass (turn: Turn): void {
  if (turn.state.committed) return
  turn.state.committed = true
  turn.note('point of no return')
}

function nextOf (turn: Turn, at: number): number | SagaFailure {
  const { shape, step } = turn
  let name: string | undefined
  try {
    name = step.next?.(turn.data)
  } catch (error) {
    return {
      code: 'SAGA_BRANCH_FAILED',
      message: `the branch after ${step.name} threw: ${(error as Error)?.message}`,
    }
  }
  if (name === undefined) return at + 1
  if (name === end) return shape.steps.length
  const next = shape.steps.findIndex((other) => other.name === name)
  if (next > at) return next
  // Only later steps: a saga that could go back might never end.
  return {
    code: 'SAGA_BRANCH_INVALID',
    message: `the branch after ${step.name} names ${String(name)}, which is no later step`,
  }
}

/** @returns whether the saga may go on: data that do not fit their schema are a failure of a step that is done */
function keepPatch (turn: Turn, patch: SagaData | undefined): boolean {
  if (patch === undefined) return true
  const data = { ...turn.data, ...patch }
  const flaw = turn.shape.flawOf(data)
  if (flaw === undefined) {
    turn.data = data
    return true
  }
  const failure = { code: 'SAGA_DATA_INVALID', message: flaw, step: turn.step.name }
  if (turn.isPivot) pass(turn)
  turn.note('failed', failure)
  if (turn.state.committed) {
    turn.state.action = 'branch'
    turn.park(failure)
  } else compensate(turn, failure)
  return false
}
