import assert from 'node:assert/strict'
import { type Random, seededRandom } from '../../../kernel/index.ts'
import { advance, mayRun } from './advance.ts'
import type { Advanced, RunOutcome, SagaInput } from './input.ts'
import type { ActShape, SagaShape, StepShape } from './shape.ts'
import { hasEnded, type SagaData, type SagaState, unstarted, wakeAtOf } from './state.ts'

export function actShape (part: Partial<ActShape> = {}): ActShape {
  return {
    atomic: false,
    deadlineMs: 1_000,
    attempts: 3,
    backoff: { baseMs: 100, capMs: 1_000 },
    repeatable: true,
    asks: 2,
    ...part,
  }
}

export function sagaShape (steps: readonly StepShape[], part: Partial<SagaShape> = {}): SagaShape {
  return {
    name: 'tried',
    version: 1,
    steps,
    deadlineMs: 600_000,
    flawOf: () => undefined,
    hears: () => true,
    ...part,
  }
}

/** What the outside has done for one key: idempotent, as a step's service has to be. */
type Effect = 'none' | 'applied' | 'refused' | 'void'

interface Flight {
  readonly step: string
  readonly isUndo: boolean
  readonly token: number
}

/**
 * A saga with the world around it: a queue that gives commands twice and late, runners that die, services whose answers
 * get lost. After each transition it asserts what must hold in all of them.
 */
export class World {
  readonly shape: SagaShape
  state: SagaState = unstarted
  data: SagaData = {}
  nowMs = 0
  readonly effects: Map<string, Effect> = new Map()
  /** Steps whose action or compensation was started, in order. */
  readonly ran: { readonly step: string; readonly isUndo: boolean }[] = []
  readonly #commands: number[] = []
  readonly #flights: Flight[] = []
  readonly #reports: { readonly token: number; readonly outcome: RunOutcome }[] = []
  readonly #random: Random
  #signals = 0

  constructor (shape: SagaShape, seed: number) {
    this.shape = shape
    this.#random = seededRandom(seed)
    this.put({ kind: 'start' })
  }

  put (input: SagaInput): Advanced {
    const before = JSON.stringify(this.state)
    const ports = { nowMs: this.nowMs, random: this.#random }
    const saga = { state: this.state, data: this.data }
    const advanced = advance(this.shape, saga, input, ports)
    assert.equal(JSON.stringify(this.state), before, 'the stored state is not changed in place')
    if (advanced.verdict !== 'taken') assert.equal(JSON.stringify(advanced.state), before)
    // What is stored is JSON: nothing may get lost in it.
    assert.deepEqual(JSON.parse(JSON.stringify(advanced.state)), advanced.state)
    if (this.state.committed) assert.equal(advanced.state.committed, true)
    this.state = advanced.state
    this.data = advanced.data
    for (const { token } of advanced.commands) this.#commands.push(token)
    this.#check()
    return advanced
  }

  /** One move of an adversary, chosen by `choice`; most do something. */
  move (choice: number): void {
    switch (choice % 12) {
      case 0:
      case 1:
      case 2:
        return this.deliver()
      case 3:
      case 4:
        return this.fly()
      case 5:
      case 6:
        return this.report()
      case 7:
        this.nowMs = Math.max(this.nowMs, wakeAtOf(this.state) ?? 0)
        return void this.put({ kind: 'wake' })
      case 8:
        this.nowMs += this.#random() * 2_000
        return void this.put({ kind: 'wake' })
      case 9:
        return this.signal(this.#random() < 0.8 ? 'yes' : 'no')
      case 10:
        return void (this.#random() < 0.2 && this.put({ kind: 'cancel', reason: 'tried' }))
      default:
        if (this.#random() < 0.7) return void this.put({ kind: 'resume', force: this.#random() < 0.5 })
    }
  }

  /** Lets it run to its end: what is commanded is run, and time passes when nothing is. */
  settle (most = 2_000): void {
    for (let moves = 0; !this.isQuiet; moves++) {
      assert.ok(moves < most, `still ${this.state.status} at ${this.state.step} after ${most} moves`)
      this.deliver()
      this.fly()
      this.report()
      if (this.#commands.length > 0) continue
      this.nowMs = Math.max(this.nowMs, wakeAtOf(this.state) ?? 0)
      this.put({ kind: 'wake' })
    }
  }

  get isQuiet (): boolean {
    return hasEnded(this.state) || this.state.status === 'parked'
  }

  signal (name: string): void {
    this.put({ kind: 'signal', signal: { id: `s${this.#signals++}`, name, payload: {} } })
  }

  /** A runner takes a command; some commands stay in the queue, to be given once more. */
  deliver (): void {
    const at = Math.floor(this.#random() * this.#commands.length)
    const token = this.#commands[at]
    if (token === undefined) return
    if (this.#random() < 0.8) this.#commands.splice(at, 1)
    const { action, step, begun } = this.state
    const begin = this.put({ kind: 'begin', token })
    if (!mayRun(begin, token) || step === undefined) return
    const isUndo = action === 'undo'
    const shape = this.shape.steps.find(({ name }) => name === step)
    if (!isUndo && shape?.undo !== undefined) {
      assert.ok(begun.some((entry) => entry.step === step), `${step} runs, its compensation unregistered`)
    }
    assert.ok(isUndo || this.ran.every((run) => !run.isUndo), 'no action runs once compensation has begun')
    assert.ok(!isUndo || !this.state.committed, 'nothing is undone past the point of no return')
    const act = isUndo ? shape?.undo : shape?.act
    this.ran.push({ step, isUndo })
    const flight = { step, isUndo, token }
    if (act?.atomic !== true) this.#flights.push(flight)
    else if (this.#random() < 0.9) {
      // The runner dies in the rest of the cases: then all of it is rolled back.
      this.put({ kind: 'outcome', token, outcome: this.#run(flight, true) })
    }
  }

  /** A begun step reaches its service, now or long after its time. */
  fly (): void {
    const at = Math.floor(this.#random() * this.#flights.length)
    const [flight] = this.#flights.splice(at, 1)
    if (flight === undefined) return
    const outcome = this.#run(flight, false)
    // A runner that dies says nothing.
    if (this.#random() < 0.8) this.#reports.push({ token: flight.token, outcome })
  }

  report (): void {
    const at = Math.floor(this.#random() * this.#reports.length)
    const report = this.#reports[at]
    if (report === undefined) return
    if (this.#random() < 0.8) this.#reports.splice(at, 1)
    this.put({ kind: 'outcome', ...report })
  }

  #run ({ step, isUndo }: Flight, isAtomic: boolean): RunOutcome {
    const failure = { code: 'TRIED', message: 'as the dice fell' }
    const dice = this.#random()
    const effect = this.effects.get(step) ?? 'none'
    if (dice < 0.15) return { kind: 'failed', failure, effect: 'none', retryable: dice < 0.1 }
    const isLost = !isAtomic && dice < 0.4
    if (isLost && dice < 0.25) return { kind: 'failed', failure, effect: 'unknown', retryable: true }
    if (isUndo) this.effects.set(step, 'void')
    else if (effect === 'refused' || effect === 'void' || (effect === 'none' && dice > 0.9)) {
      if (effect !== 'void') this.effects.set(step, isAtomic ? 'none' : 'refused')
      return { kind: 'failed', failure, effect: 'refused', retryable: false }
    } else this.effects.set(step, 'applied')
    if (isLost) return { kind: 'failed', failure, effect: 'unknown', retryable: true }
    return { kind: 'done', patch: { [step]: isUndo ? 'undone' : 'done' } }
  }

  #check (): void {
    const { state, shape } = this
    if (!this.isQuiet) assert.ok(wakeAtOf(state) !== undefined, 'what has not ended is woken some time')
    if (state.status === 'completed') assert.ok(this.ran.every(({ isUndo }) => !isUndo))
    if (state.status !== 'compensated') return
    assert.equal(state.committed, false)
    for (const { name, undo } of shape.steps) {
      if (undo !== undefined) assert.notEqual(this.effects.get(name), 'applied', `${name} is not undone`)
    }
    const order = (undo: boolean): string[] => [
      ...new Set(this.ran.flatMap(({ step, isUndo }) => isUndo === undo ? [step] : [])),
    ]
    const undone = order(true)
    assert.deepEqual(undone, order(false).filter((step) => undone.includes(step)).toReversed())
  }
}
