import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Context, Deadline, newTrace, seededRandom, withDeadline } from '../../kernel/index.ts'
import { FollowedUnits } from './followed-units.ts'

function contextOf (id: string): Context {
  return {
    id,
    trace: newTrace(false, seededRandom(1)),
    tenant: undefined,
    criticality: 'normal',
    deadline: Deadline.none,
    signal: new AbortController().signal,
  }
}

test('one of every N statements has its unit followed, with all its parts, until eight others were', () => {
  let begun = 0
  const followed = new FollowedUnits(3, () => ++begun)
  const units = Array.from({ length: 40 }, (_, at) => contextOf(String(at)))
  const first = units[0]!
  assert.equal(followed.of(first), 1, 'the very first')
  assert.equal(followed.of(withDeadline(first, Deadline.none)), 1, 'a part of it')
  const states = units.slice(1, 22).map((unit) => followed.of(unit))
  assert.deepEqual(states.filter((state) => state !== undefined), [2, 3, 4, 5, 6, 7, 8])
  assert.equal(followed.of(first), 1, 'still')
  assert.deepEqual(units.slice(22, 25).map((unit) => followed.of(unit)), [undefined, undefined, 9])
  assert.equal(followed.of(first), undefined, 'its place was needed')
})

test('a unit that sends many statements is found soon', () => {
  const followed = new FollowedUnits(100, () => ({}))
  for (let at = 0; at < 1_000; at++) followed.of(contextOf(String(at)))
  const many = contextOf('many')
  const seen = Array.from({ length: 150 }, () => followed.of(many)).filter((state) => state !== undefined)
  assert.ok(seen.length >= 50)
})
