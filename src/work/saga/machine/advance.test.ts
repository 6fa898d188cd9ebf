import assert from 'node:assert/strict'
import { test } from 'node:test'
import { advance, mayRun, parkUnknown } from './advance.ts'
import type { Advanced, RunOutcome, SagaInput } from './input.ts'
import type { SagaShape, StepShape, WaitShape } from './shape.ts'
import { type SagaData, type SagaState, unstarted, wakeAtOf } from './state.ts'
import { actShape, sagaShape } from './world.fixture.ts'

const wait: WaitShape = {
  timeoutMs: 5_000,
  accept ({ name, payload }) {
    if (name === 'bad') throw new Error('cannot read it')
    if (name === 'no') return { kind: 'refused', failure: { code: 'NO', message: 'no' } }
    return name === 'yes' ? { kind: 'done', patch: payload as SagaData } : undefined
  },
}

const local = (name: string, part: Partial<StepShape> = {}): StepShape => ({
  name,
  act: actShape({ atomic: true, asks: 0 }),
  undo: actShape({ atomic: true }),
  ...part,
})
const remote = (name: string, part: Partial<StepShape> = {}): StepShape => ({
  ...local(name),
  act: actShape(),
  ...part,
})
const waiting: StepShape = { name: 'wait', wait }

/** One saga, and a hand that moves it. */
class Table {
  readonly shape: SagaShape
  state: SagaState = unstarted
  data: SagaData = {}
  nowMs = 0
  last: Advanced | undefined

  constructor (shape: SagaShape) {
    this.shape = shape
    this.put({ kind: 'start' })
  }

  put (input: SagaInput): Advanced {
    const ports = { nowMs: this.nowMs, random: () => 0.5 }
    this.last = advance(this.shape, this, input, ports)
    this.state = this.last.state
    this.data = this.last.data
    return this.last
  }

  begin (): Advanced {
    return this.put({ kind: 'begin', token: this.state.token })
  }

  outcome (outcome: RunOutcome): Advanced {
    this.begin()
    return this.put({ kind: 'outcome', token: this.state.token, outcome })
  }

  done (patch?: SagaData): Advanced {
    return this.outcome({ kind: 'done', patch })
  }

  failed (effect: 'none' | 'refused' | 'unknown', retryable = false, retryAfterMs?: number): Advanced {
    return this.outcome({
      kind: 'failed',
      failure: { code: 'X', message: 'x' },
      effect,
      retryable,
      retryAfterMs,
    })
  }

  signal (name: string, payload: unknown = {}, id = name): Advanced {
    return this.put({ kind: 'signal', signal: { id, name, payload } })
  }

  wakeAt (): Advanced {
    this.nowMs = wakeAtOf(this.state) ?? assert.fail('it is never woken')
    return this.put({ kind: 'wake' })
  }

  get place (): string {
    const { status, step = '-', action } = this.state
    return `${status} ${step} ${action}`
  }

  get kinds (): readonly string[] {
    return this.last?.notes.map(({ kind }) => kind) ?? []
  }
}

test('the compensation is registered in the transition that commands the action', () => {
  const table = new Table(sagaShape([remote('charge')]))
  assert.deepEqual(table.last?.commands, [{ kind: 'run', token: 1, afterMs: 0 }])
  assert.deepEqual(table.state.begun, [{ step: 'charge', outcome: 'begun' }])
})

test('of two that begin the same command only one runs it; the other is a try that was lost', () => {
  const table = new Table(sagaShape([remote('charge')]))
  const [first, second] = [table.begin(), table.put({ kind: 'begin', token: 1 })]
  assert.deepEqual([mayRun(first, 1), mayRun(second, 1)], [true, false])
  assert.equal(second.notes[0]?.detail?.['code'], 'SAGA_STEP_INTERRUPTED')
  assert.deepEqual([table.state.doubt, table.state.token], [true, 2])
})

test('what comes from an earlier command is late, changes nothing, and is noted', () => {
  const table = new Table(sagaShape([remote('charge'), local('ship')]))
  table.done()
  const before = table.state
  const late = table.put({ kind: 'outcome', token: 1, outcome: { kind: 'done' } })
  assert.deepEqual([late.verdict, late.notes.map(({ kind }) => kind)], ['late', ['late']])
  assert.equal(table.state, before)
  assert.deepEqual(table.put({ kind: 'begin', token: 1 }).notes, [])
})

test('tries are counted, spread over time, and wait at least as long as they are told to', () => {
  const table = new Table(sagaShape([remote('charge')]))
  assert.deepEqual(table.failed('none', true).commands, [{ kind: 'run', token: 2, afterMs: 50 }])
  assert.deepEqual(table.failed('none', true, 700).commands, [{ kind: 'run', token: 3, afterMs: 700 }])
  table.failed('none', true)
  assert.equal(table.place, 'compensated - act')
})

test('a refusal ends the tries and takes the doubt of earlier ones with it', () => {
  const table = new Table(sagaShape([remote('charge')]))
  table.failed('unknown', true)
  assert.equal(table.state.doubt, true)
  table.failed('refused')
  assert.equal(table.state.status, 'compensated')
  assert.ok(!table.kinds.includes('undone'))
})

test('that one try had no effect says nothing of those before it', () => {
  const table = new Table(sagaShape([remote('charge', { act: actShape({ attempts: 2, asks: 1 }) })]))
  table.failed('unknown', true)
  table.failed('none', true)
  assert.equal(table.place, 'running charge settle')
  table.failed('none', true)
  assert.equal(table.place, 'compensating charge undo')
  assert.deepEqual(table.state.begun, [{ step: 'charge', outcome: 'unknown' }])
})

test('what is asked about and turns out to be done goes on', () => {
  const table = new Table(sagaShape([remote('charge', { act: actShape({ attempts: 1 }) }), local('ship')]))
  table.failed('unknown')
  assert.equal(table.place, 'running charge settle')
  table.done()
  assert.deepEqual([table.place, table.state.begun[0]?.outcome], ['running ship act', 'done'])
})

test('what cannot be asked about is undone at once, and never sent again', () => {
  const act = actShape({ repeatable: false, asks: 0 })
  const table = new Table(sagaShape([remote('charge', { act })]))
  table.failed('unknown', true)
  assert.equal(table.place, 'compensating charge undo')
})

test('a step that nobody hears of after its deadline has an unknown outcome', () => {
  const table = new Table(sagaShape([remote('charge')]))
  table.begin()
  table.put({ kind: 'wake' })
  assert.equal(table.state.phase, 'begun')
  table.wakeAt()
  assert.deepEqual([table.state.doubt, table.state.tries, table.state.phase], [true, 1, 'due'])
  assert.equal(table.last?.notes[0]?.detail?.['code'], 'SAGA_STEP_SILENT')
})

test('a command that nobody begins is given again with its token, ever later, and parked in the end', () => {
  const table = new Table(sagaShape([local('pack')], { deadlineMs: 1e9 }))
  const gaps: number[] = []
  for (;;) {
    const beforeMs = table.nowMs
    const { commands } = table.wakeAt()
    gaps.push((table.nowMs - beforeMs) / 60_000)
    if (commands.length === 0) break
    assert.deepEqual(commands, [{ kind: 'run', token: 1, afterMs: 0 }])
  }
  assert.deepEqual(gaps, [1, 2, 4, 8, 16, 32, 64, 128, 256])
  assert.deepEqual([table.place, table.state.parked?.failure.code], ['parked pack act', 'SAGA_STEP_UNHEARD'])
})

test('the deadline of the saga undoes what was done; a step that runs is let run first, and undone', () => {
  const shape = sagaShape([remote('charge'), remote('ship')], { deadlineMs: 900 })
  const table = new Table(shape)
  table.done()
  table.begin()
  table.nowMs = 900
  table.put({ kind: 'wake' })
  assert.deepEqual([table.place, table.state.giveUp?.code], ['running ship act', 'SAGA_DEADLINE_PASSED'])
  assert.ok(wakeAtOf(table.state)! > table.nowMs, 'it is not woken for what it knows')
  table.put({ kind: 'outcome', token: table.state.token, outcome: { kind: 'done' } })
  assert.equal(table.place, 'compensating ship undo')
  assert.equal(table.state.giveUp, undefined)
  table.done()
  table.done()
  assert.equal(table.place, 'compensated - undo')
})

test('a step that nobody has begun does not begin after the deadline of the saga', () => {
  const table = new Table(sagaShape([remote('charge'), local('ship')], { deadlineMs: 900 }))
  table.done()
  table.nowMs = 900
  const { token } = table.state
  assert.equal(mayRun(table.begin(), token), false)
  assert.deepEqual([table.place, table.state.giveUp], ['compensating charge undo', undefined])
})

test('a runner that died past the deadline of the saga is no reason to run its step again', () => {
  const table = new Table(sagaShape([remote('charge', { act: actShape({ asks: 1 }) })], { deadlineMs: 900 }))
  table.begin()
  table.nowMs = 900
  assert.equal(mayRun(table.put({ kind: 'begin', token: 1 }), 1), false)
  assert.equal(table.place, 'running charge settle')
})

test('past the point of no return nothing is undone: a failure, or the deadline, parks it', () => {
  for (
    const spoil of [(table: Table) => table.failed('refused'), (table: Table) => {
      table.nowMs = 600_000
      return table.put({ kind: 'wake' })
    }]
  ) {
    const table = new Table(
      sagaShape([remote('charge'), local('ship', { undo: undefined as never }), local('tell')], { pivot: 1 })
    )
    table.done()
    table.done()
    assert.equal(table.state.committed, true)
    assert.equal(table.put({ kind: 'cancel', reason: 'x' }).verdict, 'refused')
    spoil(table)
    assert.equal(table.place, 'parked tell act')
    table.put({ kind: 'resume', force: false })
    table.done()
    assert.equal(table.state.status, 'completed')
  }
})

test('a branch round the point of no return passes it', () => {
  const table = new Table(sagaShape([local('a', { next: () => 'c' }), local('b'), local('c')], { pivot: 1 }))
  table.done()
  assert.deepEqual([table.place, table.state.committed], ['running c act', true])
})

test('a branch that goes back, nowhere, or throws parks it; with other data it goes on', () => {
  for (
    const next of [() => 'a', () => 'nowhere', () => {
      throw new Error('oops')
    }]
  ) {
    const table = new Table(
      sagaShape([local('a', { next: ({ way }) => way === undefined ? next() : 'end' }), local('b')])
    )
    table.done()
    assert.equal(table.place, 'parked a branch')
    assert.equal(table.put({ kind: 'skip' }).verdict, 'refused')
    table.put({ kind: 'skip', patch: { way: 1 } })
    assert.equal(table.state.status, 'completed')
  }
})

test('a failure takes its other way, but not where the action may have happened and can be undone', () => {
  const shape = sagaShape([
    remote('card', { onFailure: 'invoice', act: actShape({ attempts: 1, asks: 0 }) }),
    local('invoice'),
  ])
  const refused = new Table(shape)
  refused.failed('refused')
  assert.deepEqual([refused.place, refused.state.begun.map(({ step }) => step)], ['running invoice act', [
    'invoice',
  ]])
  const doubtful = new Table(shape)
  doubtful.failed('unknown')
  assert.equal(doubtful.place, 'compensating card undo')
})

test('signals are kept until they are waited for, taken once, and few', () => {
  const table = new Table(sagaShape([local('a'), waiting], { hears: (name) => name !== 'stranger' }))
  assert.equal(table.signal('stranger').verdict, 'refused')
  assert.equal(table.signal('yes', { by: 'mate' }).verdict, 'taken')
  assert.equal(table.signal('yes', { by: 'other' }).verdict, 'late')
  for (let at = 1; at < 100; at++) assert.equal(table.signal('odd', {}, `odd ${at}`).verdict, 'taken')
  assert.equal(table.signal('odd', {}, 'one too many').verdict, 'refused')
  table.done()
  assert.deepEqual([table.state.status, table.data], ['completed', { by: 'mate' }])
  assert.deepEqual(table.state.mailbox, [])
  assert.deepEqual(table.signal('yes', {}, 'later').notes.map(({ kind }) => kind), ['late'])
})

test('a signal that throws or refuses fails the step; an answer too late finds it undone', () => {
  for (const name of ['bad', 'no']) {
    const table = new Table(sagaShape([local('ask', { wait })]))
    table.done()
    table.signal(name)
    assert.deepEqual([table.place, table.state.begun[0]?.outcome], ['compensating ask undo', 'done'])
  }
  const table = new Table(sagaShape([local('ask', { wait })]))
  table.done()
  assert.equal(wakeAtOf(table.state), 5_000)
  table.wakeAt()
  assert.deepEqual([table.place, table.state.begun[0]?.outcome], ['compensating ask undo', 'unknown'])
})

test('a point of no return that waits in vain is parked, since it may have been passed; its answer takes it on', () => {
  const table = new Table(sagaShape([local('charge'), { name: 'ship', act: actShape(), wait }], { pivot: 1 }))
  table.done()
  table.done()
  table.wakeAt()
  assert.equal(table.place, 'parked ship wait')
  assert.equal(table.put({ kind: 'cancel', reason: 'x' }).verdict, 'refused')
  table.signal('yes')
  assert.equal(table.state.status, 'completed')
})

test('a parked saga is cancelled where it can be: what may have happened is undone', () => {
  const table = new Table(sagaShape([local('a'), remote('b')], { deadlineMs: 1e9 }))
  table.done()
  table.begin()
  const parked = parkUnknown(table.state, { code: 'GONE', message: 'gone' }, { nowMs: 0, random: () => 0 })
  table.state = parked.state
  assert.deepEqual([table.place, table.state.doubt], ['parked b act', true])
  table.put({ kind: 'cancel', reason: 'x' })
  assert.deepEqual([table.place, table.state.begun.at(-1)?.outcome], ['compensating b undo', 'unknown'])
  assert.equal(table.put({ kind: 'cancel', reason: 'x' }).verdict, 'refused')
})

test('resuming asks first what became of it; where it cannot be asked, only force sends it again', () => {
  const act = actShape({ repeatable: false, asks: 0 })
  const table = new Table(sagaShape([{ name: 'charge', act }], { pivot: 0 }))
  table.failed('unknown')
  assert.equal(table.place, 'parked charge act')
  assert.equal(table.put({ kind: 'resume', force: false }).verdict, 'refused')
  table.put({ kind: 'resume', force: true })
  assert.deepEqual([table.place, table.state.tries], ['running charge act', 0])
  const asked = new Table(
    sagaShape([{ name: 'charge', act: actShape({ attempts: 1, asks: 1 }) }], { pivot: 0 })
  )
  asked.failed('unknown')
  asked.failed('unknown')
  assert.equal(asked.place, 'parked charge settle')
  asked.put({ kind: 'resume', force: false })
  assert.equal(asked.place, 'running charge settle')
  asked.nowMs = 600_000
  asked.put({ kind: 'wake' })
  asked.failed('unknown')
  assert.equal(asked.state.parked?.failure.code, 'SAGA_DEADLINE_PASSED')
  asked.put({ kind: 'resume', force: false })
  assert.equal(asked.state.giveUp, undefined)
})

test('a compensation that fails is tried again, then parked; resumed it starts anew', () => {
  const table = new Table(sagaShape([local('a'), local('b')]))
  table.done()
  table.failed('refused')
  for (let tried = 0; tried < 3; tried++) {
    assert.equal(table.place, 'compensating a undo')
    table.failed('none', true)
  }
  assert.equal(table.place, 'parked a undo')
  assert.equal(wakeAtOf(table.state), undefined)
  table.put({ kind: 'resume', force: false })
  table.done()
  assert.equal(table.state.status, 'compensated')
})

test('compensating heeds neither the deadline nor a cancellation', () => {
  const table = new Table(sagaShape([remote('a'), local('b')], { deadlineMs: 900 }))
  table.done()
  table.failed('refused')
  table.nowMs = 5_000
  assert.ok(wakeAtOf(table.state)! > table.nowMs)
  assert.equal(table.put({ kind: 'wake' }).verdict, 'late')
  assert.equal(table.put({ kind: 'cancel', reason: 'x' }).verdict, 'refused')
  assert.equal(mayRun(table.begin(), table.state.token), true)
})

test('data that do not fit undo a step that is done; behind the point of no return they park it', () => {
  const flawOf = ({ wrong }: SagaData): string | undefined => wrong === true ? 'it is wrong' : undefined
  const table = new Table(sagaShape([remote('a')], { flawOf }))
  table.done({ wrong: true })
  assert.deepEqual([table.place, table.data], ['compensating a undo', {}])
  const behind = new Table(sagaShape([{ name: 'a', act: actShape() }], { flawOf, pivot: 0 }))
  behind.done({ wrong: true })
  assert.deepEqual([behind.place, behind.state.committed], ['parked a branch', true])
  assert.equal(behind.put({ kind: 'skip', patch: { wrong: true } }).verdict, 'refused')
  behind.put({ kind: 'resume', force: false })
  assert.equal(behind.state.status, 'completed')
})

test('a cancellation that the point of no return overtakes is too late, and says so', () => {
  const table = new Table(sagaShape([{ name: 'a', act: actShape() }, local('b')], { pivot: 0 }))
  table.begin()
  table.put({ kind: 'cancel', reason: 'x' })
  table.put({ kind: 'outcome', token: 1, outcome: { kind: 'done' } })
  assert.deepEqual([table.place, table.kinds.includes('cancel too late')], ['running b act', true])
  assert.equal(table.state.giveUp, undefined)
})

test('a saga that is resumed after its deadline has as much time again', () => {
  const table = new Table(
    sagaShape([{ name: 'a', act: actShape() }, { name: 'b', act: actShape({ atomic: true }) }], {
      pivot: 0,
      deadlineMs: 900,
    })
  )
  table.done()
  table.nowMs = 1_000
  table.put({ kind: 'wake' })
  assert.equal(table.place, 'parked b act')
  table.put({ kind: 'resume', force: false })
  assert.equal(table.state.deadlineAtMs, 1_900)
})

test('a refusal that is asked for is an answer: nothing more is asked', () => {
  const table = new Table(sagaShape([remote('charge', { act: actShape({ attempts: 1 }) })]))
  table.failed('unknown')
  table.failed('refused')
  assert.equal(table.place, 'compensated - settle')
})

test('a kept signal answers one wait, not the next one, too', () => {
  const table = new Table(sagaShape([local('a'), waiting, { name: 'again', wait }]))
  table.signal('yes')
  table.done()
  assert.equal(table.place, 'running again wait')
})

test('a step that is given up while it runs does not wait for its answer, and is undone as what it is: done', () => {
  const table = new Table(sagaShape([remote('ask', { wait })]))
  table.failed('unknown', true)
  table.begin()
  table.put({ kind: 'cancel', reason: 'x' })
  table.put({ kind: 'outcome', token: table.state.token, outcome: { kind: 'done' } })
  assert.deepEqual([table.place, table.state.begun[0]?.outcome], ['compensating ask undo', 'done'])
})

test('a point of no return that was parked in doubt, and then refuses, has not been passed', () => {
  const table = new Table(sagaShape([local('charge'), { name: 'ship', act: actShape(), wait }], { pivot: 1 }))
  table.done()
  table.done()
  table.wakeAt()
  assert.equal(table.state.doubt, true)
  table.signal('no')
  assert.equal(table.place, 'compensating charge undo')
})

test('a deadline that the point of no return overtakes parks it before the next step', () => {
  const table = new Table(
    sagaShape([{ name: 'a', act: actShape() }, local('b')], { pivot: 0, deadlineMs: 900 })
  )
  table.begin()
  table.nowMs = 900
  table.put({ kind: 'wake' })
  table.put({ kind: 'outcome', token: 1, outcome: { kind: 'done' } })
  assert.equal(table.place, 'parked a branch')
  table.put({ kind: 'resume', force: false })
  assert.equal(table.place, 'running b act')
})

test('a step that is skipped counts as done, and is undone as such', () => {
  const table = new Table(sagaShape([local('a'), local('b')]))
  table.state =
    parkUnknown(table.state, { code: 'GONE', message: 'gone' }, { nowMs: 0, random: () => 0 }).state
  table.put({ kind: 'skip', patch: { by: 'hand' } })
  assert.deepEqual([table.place, table.data], ['running b act', { by: 'hand' }])
  table.failed('refused')
  assert.deepEqual(table.state.begun, [{ step: 'a', outcome: 'done' }])
})

test('a compensation without a key is not sent again while it may have happened', () => {
  const undo = actShape({ repeatable: false, asks: 0 })
  const table = new Table(sagaShape([remote('a', { undo }), local('b')]))
  table.done()
  table.failed('refused')
  table.failed('unknown', true)
  assert.equal(table.place, 'parked a undo')
})

test('the doubt about an action is none about its compensation', () => {
  const undo = actShape({ repeatable: false, asks: 0 })
  const table = new Table(sagaShape([remote('a', { undo, act: actShape({ repeatable: false, asks: 0 }) })]))
  table.failed('unknown')
  table.failed('none', true)
  assert.equal(table.place, 'compensating a undo')
})

test('a command is missed a minute after its time, however late that is, and each anew', () => {
  const table = new Table(sagaShape([local('a'), local('b')], { deadlineMs: 1e9 }))
  table.wakeAt()
  table.failed('none', true, 600_000)
  assert.equal(wakeAtOf(table.state), table.nowMs + 600_000 + 60_000)
  table.done()
  assert.equal(table.state.rescues, 0)
})

test('a local action is begun without a trace: whoever comes after one that died may run it', () => {
  const table = new Table(sagaShape([local('a')]))
  for (let at = 0; at < 2; at++) {
    const begun = table.begin()
    assert.equal(mayRun(begun, 1), true)
    assert.deepEqual(begun.notes, [])
  }
})

test('what is cancelled while it is asked about is asked about first', () => {
  const table = new Table(sagaShape([remote('a', { act: actShape({ attempts: 1 }) })]))
  table.failed('unknown')
  table.put({ kind: 'cancel', reason: 'x' })
  table.put({ kind: 'cancel', reason: 'y' })
  assert.deepEqual([table.place, table.state.giveUp?.message], ['running a settle', 'x'])
  table.done()
  assert.equal(table.place, 'compensating a undo')
})

test('a saga whose point of no return is behind it from the start is never compensated', () => {
  const table = new Table(sagaShape([waiting], { pivot: -1 }))
  assert.equal(table.put({ kind: 'cancel', reason: 'x' }).verdict, 'refused')
  table.wakeAt()
  assert.equal(table.place, 'parked wait wait')
})

test('of the ids of signals the last hundred are remembered', () => {
  const table = new Table(sagaShape([waiting, { name: 'more', wait }]))
  table.state = { ...table.state, seen: Array.from({ length: 100 }, (_, at) => `id ${at}`) }
  table.signal('yes')
  assert.deepEqual([table.state.seen.length, table.state.seen[0], table.state.seen.at(-1)], [
    100,
    'id 1',
    'yes',
  ])
})

test('what a parked saga waited for takes it out of the park', () => {
  const table = new Table(sagaShape([waiting, local('b')], { pivot: -1 }))
  table.wakeAt()
  table.signal('yes')
  assert.deepEqual([table.place, table.state.parked], ['running b act', undefined])
})

test('what can be asked about is resumed by asking, also where it must not be sent again', () => {
  const act = actShape({ repeatable: false, asks: 1 })
  const table = new Table(sagaShape([{ name: 'charge', act }], { pivot: 0 }))
  table.failed('unknown')
  table.failed('unknown')
  assert.equal(table.place, 'parked charge settle')
  table.put({ kind: 'resume', force: false })
  assert.equal(table.place, 'running charge settle')
})
