import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FleetStep, type FleetView, isSettled, nextSteps, type PlannedWorker } from './plan.ts'

function worker (id: number, slot: number, overrides: Partial<PlannedWorker> = {}): PlannedWorker {
  return { id, slot, generation: 1, state: 'ready', due: false, ...overrides }
}

function view (workers: readonly PlannedWorker[], overrides: Partial<FleetView> = {}): FleetView {
  return { generation: 1, proven: true, size: 2, workers, mayStart: true, stopping: false, ...overrides }
}

const start = (slot: number): FleetStep => ({ kind: 'start', slot })
const drain = (worker: number, surplus = false): FleetStep => ({ kind: 'drain', worker, surplus })
const abandon = (worker: number): FleetStep => ({ kind: 'abandon', worker })

test('of an unproven generation one worker leads, and the rest follow once it is ready', () => {
  const unproven = { size: 3, proven: false }
  assert.deepEqual(nextSteps(view([], unproven)), [start(0)])
  assert.deepEqual(nextSteps(view([worker(1, 0, { state: 'starting' })], unproven)), [])
  assert.deepEqual(nextSteps(view([worker(1, 0)], { size: 3 })), [start(1), start(2)])
})

test('a reload replaces one worker at a time, and the old one drains when the new one is ready', () => {
  const old = [worker(1, 0), worker(2, 1)]
  assert.deepEqual(nextSteps(view(old, { generation: 2, proven: false })), [start(0)])
  const starting = worker(3, 0, { generation: 2, state: 'starting' })
  assert.deepEqual(nextSteps(view([...old, starting], { generation: 2, proven: false })), [])
  const ready = worker(3, 0, { generation: 2 })
  assert.deepEqual(nextSteps(view([...old, ready], { generation: 2 })), [drain(1), start(1)])
})

test('a reload does not wait for what drains', () => {
  const workers = [worker(1, 0, { state: 'draining' }), worker(2, 1), worker(3, 0, { generation: 2 })]
  assert.deepEqual(nextSteps(view(workers, { generation: 2 })), [start(1)])
})

test('a rollback abandons what starts, and replaces what the new generation had made ready', () => {
  const workers = [
    worker(2, 1),
    worker(3, 0, { generation: 2 }),
    worker(4, 1, { generation: 2, state: 'starting' }),
  ]
  assert.deepEqual(nextSteps(view(workers)), [abandon(4), start(0)])
})

test('a crashed worker is replaced, unless the crash loop waits', () => {
  assert.deepEqual(nextSteps(view([worker(1, 0)])), [start(1)])
  assert.deepEqual(nextSteps(view([worker(1, 0)], { mayStart: false })), [])
})

test('rotation takes one at a time, and waits until the last one has gone', () => {
  const due = [worker(1, 0, { due: true }), worker(2, 1, { due: true })]
  assert.deepEqual(nextSteps(view(due)), [start(0)])
  assert.deepEqual(nextSteps(view([...due, worker(3, 0)])), [drain(1)])
  const draining = worker(1, 0, { due: true, state: 'draining' })
  assert.deepEqual(nextSteps(view([draining, due[1]!, worker(3, 0)])), [])
  assert.deepEqual(nextSteps(view([due[1]!, worker(3, 0)])), [start(1)])
})

test('rotation does not happen during a reload', () => {
  const workers = [worker(3, 0, { generation: 2, due: true }), worker(2, 1)]
  assert.deepEqual(nextSteps(view(workers, { generation: 2 })), [start(1)])
})

test('fewer workers wanted: the highest slots go, but never the last that serves', () => {
  assert.deepEqual(nextSteps(view([worker(1, 0), worker(2, 1)], { size: 1 })), [drain(2, true)])
  const firstIsStarting = [worker(3, 0, { state: 'starting' }), worker(2, 1)]
  assert.deepEqual(nextSteps(view(firstIsStarting, { size: 1 })), [])
})

test('stopping drains what is ready, abandons what starts, and starts nothing', () => {
  const workers = [worker(1, 0), worker(2, 1, { state: 'starting' }), worker(3, 2, { state: 'draining' })]
  assert.deepEqual(nextSteps(view(workers, { stopping: true, size: 4 })), [drain(1, true), abandon(2)])
})

/** What the steps do to the view, at once; a start's worker becomes ready by a later event. */
function carryOut (from: FleetView, steps: readonly FleetStep[], nextId: () => number): FleetView {
  let workers = [...from.workers]
  for (const step of steps) {
    if (step.kind === 'start') {
      workers.push(worker(nextId(), step.slot, { generation: from.generation, state: 'starting' }))
    } else if (step.kind === 'abandon') workers = workers.filter(({ id }) => id !== step.worker)
    else workers = workers.map((each) => each.id === step.worker ? { ...each, state: 'draining' } : each)
  }
  return { ...from, workers }
}

type Happening = 'ready' | 'gone' | 'crash' | 'reload' | 'rotate' | 'grow' | 'shrink'
const happenings = fc.array(
  fc.tuple(
    fc.constantFrom<Happening>(
      'ready',
      'ready',
      'ready',
      'gone',
      'crash',
      'reload',
      'rotate',
      'grow',
      'shrink'
    ),
    fc.nat()
  ),
  { maxLength: 60 }
)

function happen (from: FleetView, [what, pick]: readonly [Happening, number]): FleetView {
  const among = from.workers.filter(({ state }) =>
    what === 'ready' ? state === 'starting' : what === 'gone' ? state === 'draining' : state === 'ready'
  )
  const chosen = among[pick % Math.max(among.length, 1)]
  const change = (to: Partial<PlannedWorker>): PlannedWorker[] =>
    from.workers.map((each) => each === chosen ? { ...each, ...to } : each)
  if (what === 'reload') return { ...from, generation: from.generation + 1, proven: false }
  if (what === 'grow') return { ...from, size: Math.min(from.size + 1, 6) }
  if (what === 'shrink') return { ...from, size: Math.max(from.size - 1, 1) }
  if (what === 'rotate') return { ...from, workers: change({ due: true }) }
  if (what !== 'ready') return { ...from, workers: from.workers.filter((each) => each !== chosen) }
  return { ...from, workers: change({ state: 'ready' }), proven: from.proven || chosen !== undefined }
}

test('whatever happens, no step takes the last ready worker, and replacing never goes two at a time', () => {
  fc.assert(fc.property(happenings, fc.integer({ min: 1, max: 4 }), (events, size) => {
    let id = 0
    let now = view([], { size, proven: false })
    for (const event of events) {
      now = happen(now, event)
      const readyBefore = now.workers.filter(({ state }) => state === 'ready').length
      const steps = nextSteps(now)
      now = carryOut(now, steps, () => ++id)
      const ready = now.workers.filter(({ state }) => state === 'ready')
      assert.ok(readyBefore === 0 || ready.length > 0)
      const replacements = now.workers.filter((each) =>
        each.state === 'starting' && ready.some(({ slot }) => slot === each.slot)
      )
      assert.ok(replacements.length <= 1)
    }
  }))
})

test('from wherever it stands, the fleet settles once workers become ready and drained ones go', () => {
  fc.assert(fc.property(happenings, fc.integer({ min: 1, max: 4 }), (events, size) => {
    let id = 0
    let now = view([], { size, proven: false })
    for (const event of events) now = carryOut(happen(now, event), nextSteps(happen(now, event)), () => ++id)
    for (let round = 0; round < 100; round++) {
      now = carryOut(now, nextSteps(now), () => ++id)
      now = happen(happen(now, ['ready', round]), ['gone', round])
    }
    assert.ok(isSettled(now), JSON.stringify(now))
    assert.deepEqual(nextSteps(now), [])
  }))
})
