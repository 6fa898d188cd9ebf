import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type StepShape, type WaitShape } from './shape.ts'
import { actShape, sagaShape, World } from './world.fixture.ts'

const wait: WaitShape = {
  timeoutMs: 5_000,
  accept ({ name }) {
    if (name === 'yes') return { kind: 'done', patch: { answered: true } }
    if (name === 'no') return { kind: 'refused', failure: { code: 'NO', message: 'refused by signal' } }
    return undefined
  },
}

const kind = fc.constantFrom('local', 'remote', 'unkeyed', 'wait', 'remote and wait', 'local and wait')

const step = fc.record({
  kind,
  undo: fc.constantFrom('local', 'remote', 'none'),
  jump: fc.nat(3),
  route: fc.nat(5),
})

/** Sagas of up to 6 steps of all kinds, with branches, routes and a point of no return at any place. */
const shape = fc.tuple(
  fc.array(step, { minLength: 1, maxLength: 6 }),
  fc.option(fc.integer({ min: -1, max: 5 }), { freq: 2 })
)
  .map(([parts, pivot]) => {
    const steps = parts.map(({ kind, undo, jump, route }, at): StepShape => {
      const name = `step-${at}`
      const later = (by: number): string | undefined => at + by < parts.length ? `step-${at + by}` : undefined
      const onFailure = route > 2 ? later(route - 2) : undefined
      const act = kind.startsWith('local') ?
        actShape({ atomic: true, asks: 0 }) :
        kind === 'unkeyed' ?
        actShape({ repeatable: false, asks: 0 }) :
        actShape()
      const isUndoable = kind !== 'wait' && undo !== 'none' && (pivot === null || at < pivot)
      return {
        name,
        ...(kind === 'wait' ? {} : { act }),
        ...(kind.endsWith('wait') ? { wait } : {}),
        ...(isUndoable ? { undo: actShape({ atomic: undo === 'local' }) } : {}),
        ...(onFailure === undefined ? {} : { onFailure }),
        ...(jump < 2 ? {} : { next: () => later(jump) ?? 'end' }),
      }
    })
    return sagaShape(steps, pivot === null || pivot >= steps.length ? {} : { pivot })
  })

test('whatever is lost, late, twice or dead, a saga ends: completed, compensated in reverse order, or parked', () => {
  const ends = new Map<string, number>()
  fc.assert(
    fc.property(shape, fc.array(fc.nat(), { maxLength: 60 }), fc.nat(), (shape, moves, seed) => {
      const world = new World(shape, seed)
      for (const move of moves) world.move(move)
      world.settle()
      ends.set(world.state.status, (ends.get(world.state.status) ?? 0) + 1)
    }),
    { numRuns: 2_000 }
  )
  // Each end is reached: the worlds are neither too kind nor too cruel to show anything.
  for (const end of ['completed', 'compensated', 'parked'])
    assert.ok((ends.get(end) ?? 0) > 50, `${end}: ${ends.get(end)}`)
})

test('what is parked goes on when it is resumed or skipped, again and again, until it ends', () => {
  fc.assert(
    fc.property(shape, fc.array(fc.nat(), { maxLength: 30 }), fc.nat(), (shape, moves, seed) => {
      const world = new World(shape, seed)
      for (const move of moves) world.move(move)
      for (let turns = 0; turns < 60; turns++) {
        world.settle()
        if (world.state.status !== 'parked') break
        if (turns < 20) world.put({ kind: 'resume', force: true })
        else if (world.put({ kind: 'skip' }).verdict === 'refused') world.put({ kind: 'resume', force: true })
      }
      assert.notEqual(world.state.status, 'parked')
    }),
    { numRuns: 300 }
  )
})
