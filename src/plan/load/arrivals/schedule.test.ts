import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Phase } from '../plan.ts'
import { Schedule, windowsOf } from './schedule.ts'

interface Arrival {
  readonly atMs: number
  readonly phase: number
  readonly journey: number
}

function arrivalsOf (phases: readonly Phase[], seed = 1, thread = 0, threads = 1): Arrival[] {
  const schedule = new Schedule(windowsOf(phases), seed, { thread, threads })
  const arrivals: Arrival[] = []
  while (schedule.atMs !== Infinity) {
    const { atMs, phase, journey } = schedule
    arrivals.push({ atMs, phase, journey })
    schedule.advance()
  }
  return arrivals
}

const phases: readonly Phase[] = [
  { kind: 'poisson', perSecond: 200, durationMs: 1_000 },
  { kind: 'pause', durationMs: 500 },
  { kind: 'replay', atMs: [0, 3, 4, 400], journeys: [1, 0, 2, 0], durationMs: 600 },
  { kind: 'closed', users: 5, durationMs: 100 },
  { kind: 'ramp', fromPerSecond: 0, toPerSecond: 100, durationMs: 1_000, spread: 'poisson' },
  { kind: 'constant', perSecond: 30, durationMs: 1_000 },
]

test('threads share the arrivals of one, each once, whatever their number', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 7 }), fc.nat(), (threads, seed) => {
      const shared = Array.from({ length: threads }, (_, thread) => arrivalsOf(phases, seed, thread, threads))
        .flat()
      assert.deepEqual(shared.toSorted((one, other) => one.atMs - other.atMs), arrivalsOf(phases, seed))
    }),
    { numRuns: 20 }
  )
})

test('threads take even arrivals in turn', () => {
  const even: Phase[] = [{ kind: 'constant', perSecond: 4, durationMs: 1_000 }]
  assert.deepEqual(arrivalsOf(even, 1, 0, 2).map(({ atMs }) => atMs), [0, 500])
  assert.deepEqual(arrivalsOf(even, 1, 1, 2).map(({ atMs }) => atMs), [250, 750])
})

test('phases follow each other; those without arrivals take their time', () => {
  const arrivals = arrivalsOf(phases)
  const replayed = arrivals.filter(({ phase }) => phase === 2)
  assert.deepEqual(replayed.map(({ atMs }) => atMs), [1_500, 1_503, 1_504, 1_900])
  assert.deepEqual(replayed.map(({ journey }) => journey), [1, 0, 2, 0])
  assert.equal(arrivals.find(({ phase }) => phase === 5)?.atMs, 3_200)
  assert.equal(windowsOf(phases).at(-1)?.endMs, 4_200)
})

test('a seed repeats its arrivals, another one makes others', () => {
  assert.deepEqual(arrivalsOf(phases, 5), arrivalsOf(phases, 5))
  assert.notDeepEqual(arrivalsOf(phases, 5), arrivalsOf(phases, 6))
})
