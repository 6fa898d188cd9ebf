import type { RunOutcome } from './input.ts'
import type { SagaFailure } from './state.ts'
import type { Turn } from './turn.ts'

/** Undoes what was begun, latest first. From here on neither a deadline nor a cancellation stops it. */
export function compensate (turn: Turn, failure: SagaFailure): void {
  turn.state.status = 'compensating'
  turn.state.failure = failure
  delete turn.state.giveUp
  turn.note('compensating', { ...failure })
  undoNext(turn)
}

/** The compensation of the current step is done. */
export function undone (turn: Turn): void {
  turn.note('undone')
  turn.unmark()
  undoNext(turn)
}

/** A run of a compensation has failed: another try, or a person has to look. */
export function undoFailed (turn: Turn, outcome: Extract<RunOutcome, { kind: 'failed' }>): void {
  const { state, act } = turn
  const { failure, effect, retryable, retryAfterMs } = outcome
  if (effect === 'unknown') state.doubt = true
  state.tries++
  turn.note('undo failed', { ...failure, try: state.tries })
  const mayRepeat = act.repeatable || !state.doubt
  if (retryable && mayRepeat && state.tries < act.attempts) turn.commandAgain(retryAfterMs)
  else turn.park(failure)
}

function undoNext (turn: Turn): void {
  const { state } = turn
  const last = state.begun.at(-1)
  if (last === undefined) return turn.finish('compensated')
  state.step = last.step
  state.action = 'undo'
  state.tries = 0
  state.doubt = false
  turn.command(0)
}
