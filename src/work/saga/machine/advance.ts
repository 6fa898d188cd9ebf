import { compensate, undoFailed, undone } from './backward.ts'
import {
  acceptBy,
  acted,
  actFailed,
  answered,
  enter,
  goOn,
  settle,
  startWait,
  stepFailed,
} from './forward.ts'
import type { Advanced, RunOutcome, SagaInput } from './input.ts'
import type { SagaShape } from './shape.ts'
import { hasEnded, type SagaData, type SagaFailure, type SagaSignal, type SagaState } from './state.ts'
import { Turn, type TurnPorts } from './turn.ts'

/** The most signals that wait to be used, and the most ids of signals that are remembered. */
const signalLimit = 100

type Verdict = Advanced['verdict'] | { readonly refused: string }

/**
 * The transition of a saga: pure, so that any process makes the same of the same. It reads no clock and does no work;
 * what it returns is to be stored, commands included, in one transaction, and only then to be done.
 *
 * - An action is commanded only after its compensation is registered.
 * - Of what comes from a command that is over, nothing counts.
 * - Each state that is neither ended nor parked has a moment at which it is woken (`wakeAtOf`).
 *
 * @param saga as stored; it is not changed
 */
export function advance (
  shape: SagaShape,
  saga: { readonly state: SagaState; readonly data: SagaData },
  input: SagaInput,
  ports: TurnPorts
): Advanced {
  const turn = new Turn(shape, saga.state, saga.data, ports)
  const verdict = take(turn, input)
  const { state, data, commands, notes } = turn
  if (typeof verdict === 'object')
    return { verdict: 'refused', reason: verdict.refused, ...saga, commands: [], notes: [] }
  if (verdict === 'taken') return { verdict, state, data, commands, notes }
  return { verdict, ...saga, commands: [], notes: lateNotes(saga.state, input) }
}

/** After `begin` with this token: whether its sender is to run what was commanded. */
export function mayRun ({ verdict, state }: Advanced, token: number): boolean {
  return verdict === 'taken' && state.token === token &&
    (state.status === 'running' || state.status === 'compensating')
}

/**
 * Parks a saga whose shape nobody knows any more, e.g. because its definition is gone. It goes on with
 * `resume` once the definition is back.
 */
export function parkUnknown (state: SagaState, failure: SagaFailure, ports: TurnPorts): Advanced {
  const turn = new Turn(nothing, state, {}, ports)
  turn.park(failure)
  return { verdict: 'taken', state: turn.state, data: {}, commands: [], notes: turn.notes }
}

const nothing: SagaShape = {
  name: '',
  version: 0,
  steps: [],
  deadlineMs: 0,
  flawOf: () => undefined,
  hears: () => false,
}

function take (turn: Turn, input: SagaInput): Verdict {
  switch (input.kind) {
    case 'start':
      turn.state.deadlineAtMs = turn.nowMs + turn.shape.deadlineMs
      if (turn.shape.pivot === -1) turn.state.committed = true
      turn.note('started')
      enter(turn, 0)
      return 'taken'
    case 'begin':
      return begin(turn, input.token)
    case 'outcome':
      return isOut(turn, input.token) ? tookOutcome(turn, input.outcome) : 'late'
    case 'wake':
      return wake(turn)
    case 'signal':
      return signalled(turn, input.signal)
    case 'cancel':
      return cancel(turn, { code: 'SAGA_CANCELLED', message: input.reason })
    case 'resume':
      return resume(turn, input.force)
    case 'skip':
      return skip(turn, input.patch)
  }
}

/** Whether the command with this token is the one that is out. */
function isOut ({ state }: Turn, token: number): boolean {
  return (state.status === 'running' || state.status === 'compensating') && state.token === token &&
    state.action !== 'wait'
}

function begin (turn: Turn, token: number): Verdict {
  if (!isOut(turn, token)) return 'late'
  if (isOverdue(turn)) wake(turn)
  if (!isOut(turn, token) || turn.act.atomic) return 'taken'
  if (turn.state.phase === 'due') turn.begin()
  // Its runner has died, or hangs: what it did is unknown, so that this counts as a try.
  else tookOutcome(
      turn,
      lost('SAGA_STEP_INTERRUPTED', 'the process that ran this step has not said what became of it')
    )
  return 'taken'
}

function lost (code: string, message: string): RunOutcome {
  return { kind: 'failed', failure: { code, message }, effect: 'unknown', retryable: true }
}

function tookOutcome (turn: Turn, outcome: RunOutcome): Verdict {
  const isUndo = turn.state.action === 'undo'
  if (outcome.kind === 'done') {
    if (isUndo) undone(turn)
    else acted(turn, outcome.patch)
  } else if (isUndo) undoFailed(turn, outcome)
  else actFailed(turn, outcome)
  return 'taken'
}

function isOverdue ({ state, nowMs }: Turn): boolean {
  return state.status === 'running' && state.giveUp === undefined && state.deadlineAtMs !== undefined &&
    state.deadlineAtMs <= nowMs
}

function wake (turn: Turn): Verdict {
  const { state, nowMs } = turn
  if (state.status === 'parked' || hasEnded(state)) return 'late'
  if (isOverdue(turn)) {
    const failure = { code: 'SAGA_DEADLINE_PASSED', message: 'the saga was not done by its deadline' }
    turn.note('deadline passed')
    giveUp(turn, failure)
    return 'taken'
  }
  if (state.stepAtMs === undefined || state.stepAtMs > nowMs) return 'late'
  if (state.action === 'wait') timeOut(turn)
  else if (state.phase === 'due') turn.rescue()
  else tookOutcome(turn, lost('SAGA_STEP_SILENT', 'nothing was heard of this step by its deadline'))
  return 'taken'
}

function timeOut (turn: Turn): void {
  // What was asked for may have happened, and only its answer be late.
  turn.state.doubt = turn.step.act !== undefined
  stepFailed(turn, { code: 'SAGA_STEP_TIMEOUT', message: 'what this step waits for did not come in time' })
}

/** Nobody wants the saga to go on; what runs is let run, since its outcome decides what there is to undo. */
function giveUp (turn: Turn, failure: SagaFailure): void {
  const { state } = turn
  state.giveUp = failure
  if (state.phase === 'begun' || state.action === 'settle') return
  if (state.action === 'wait') timeOut(turn)
  else if (!settle(turn)) stepFailed(turn, failure)
}

function signalled (turn: Turn, signal: SagaSignal): Verdict {
  const { state, shape } = turn
  if (hasEnded(state) || state.seen.includes(signal.id)) return 'late'
  if (!shape.hears(signal.name))
    return { refused: `no step of saga ${shape.name} waits for "${signal.name}"` }
  const isWaiting = state.action === 'wait' &&
    (state.status === 'running' || state.parked?.from === 'running')
  const accepted = isWaiting ? acceptBy(turn, signal) : undefined
  if (accepted === undefined && state.mailbox.length >= signalLimit) {
    return { refused: `${signalLimit} signals wait already to be used` }
  }
  state.seen = [...state.seen, signal.id].slice(-signalLimit)
  if (accepted === undefined) {
    state.mailbox = [...state.mailbox, signal]
    turn.note('signal kept', { name: signal.name, id: signal.id })
    return 'taken'
  }
  // What a parked saga was parked for has come after all.
  if (state.status === 'parked') unpark(turn)
  turn.rest()
  answered(turn, accepted)
  return 'taken'
}

function cancel (turn: Turn, failure: SagaFailure): Verdict {
  const { state } = turn
  if (hasEnded(state)) return { refused: `it is ${state.status}` }
  if (state.status === 'compensating' || state.parked?.from === 'compensating') {
    return { refused: 'it is being compensated already; resume it if it is parked' }
  }
  if (state.committed) return { refused: 'it has passed its point of no return' }
  if (state.status === 'parked' && state.doubt && turn.isPivot) {
    return { refused: 'it may have passed its point of no return; find out, then resume or skip it' }
  }
  turn.note('cancel asked', { reason: failure.message })
  if (state.status === 'parked') {
    unpark(turn)
    if (state.action === 'branch') compensate(turn, failure)
    else {
      state.giveUp = failure
      stepFailed(turn, failure)
    }
    return 'taken'
  }
  if (state.giveUp === undefined) giveUp(turn, failure)
  return 'taken'
}

function resume (turn: Turn, force: boolean): Verdict {
  const { state } = turn
  if (state.status !== 'parked') return { refused: `it is ${state.status}, not parked` }
  const isRun = state.action === 'act' || state.action === 'settle' || state.action === 'undo'
  if (isRun && state.doubt && !turn.act.repeatable && turn.act.asks === 0 && !force) {
    return {
      refused:
        'what it is parked at may have happened, and would happen again; find out, then skip or retry it',
    }
  }
  unpark(turn)
  turn.note('resumed')
  state.tries = 0
  if (state.action === 'branch') goOn(turn)
  else if (state.action === 'wait') startWait(turn)
  else if (state.action === 'undo' || !settle(turn)) turn.command(0)
  return 'taken'
}

function skip (turn: Turn, patch: SagaData | undefined): Verdict {
  const { state, shape } = turn
  if (state.status !== 'parked') return { refused: `it is ${state.status}, not parked` }
  if (state.action === 'branch' && patch === undefined) {
    return { refused: 'it is between two steps; resume it, with other data or a corrected definition' }
  }
  const data = { ...turn.data, ...patch }
  const flaw = patch === undefined ? undefined : shape.flawOf(data)
  if (flaw !== undefined) return { refused: `the data would not fit: ${flaw}` }
  unpark(turn)
  turn.note('skipped')
  turn.data = data
  if (state.action === 'undo') undone(turn)
  else goOn(turn)
  return 'taken'
}

/** Back to where it was parked; a deadline that has passed is given once more. */
function unpark (turn: Turn): void {
  const { state, shape, nowMs } = turn
  state.status = state.parked?.from ?? 'running'
  delete state.parked
  if (state.deadlineAtMs !== undefined && state.deadlineAtMs <= nowMs)
    state.deadlineAtMs = nowMs + shape.deadlineMs
}

/** What is too late to count is written down where it may matter to somebody who reads what has happened. */
function lateNotes (state: SagaState, input: SagaInput): Advanced['notes'] {
  const step = state.step === undefined ? {} : { step: state.step }
  if (input.kind === 'outcome') {
    return [{ kind: 'late', ...step, detail: { outcome: input.outcome.kind, token: input.token } }]
  }
  if (input.kind === 'signal' && hasEnded(state)) {
    return [{ kind: 'late', ...step, detail: { signal: input.signal.name, id: input.signal.id } }]
  }
  return []
}
