import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LaneQueue, type Waiting } from './lane-queue.ts'

let made = 0
function waiting (lane: number, { heavy = false, costMs = 1, sinceMs = made++ } = {}): Waiting<object> {
  return { unit: {} as object, lane, heavy, costMs, sinceMs, calledIn: false }
}

function filled (...all: readonly Waiting<object>[]): LaneQueue<object> {
  const queue = new LaneQueue<object>()
  for (const one of all) queue.push(one)
  return queue
}

test('lanes are emptied in their order, and heavy tenants after the others of their lane', () => {
  const [background, heavy, normal, critical] = [
    waiting(3),
    waiting(1, { heavy: true }),
    waiting(1),
    waiting(0),
  ]
  const queue = filled(background, heavy, normal, critical)
  assert.deepEqual([1, 2, 3, 4].map(() => queue.take(Infinity)), [critical, normal, heavy, background])
  assert.equal(queue.take(Infinity), undefined)
})

test('the oldest comes first while all can be run in time, the newest once not', () => {
  const [old, fresh] = [waiting(1), waiting(1)]
  assert.equal(filled(old, fresh).take(2), old)
  assert.equal(filled(old, fresh).take(1.9), fresh)
})

test('a lane that fits is served oldest first, however much waits behind it', () => {
  const [old, fresh] = [waiting(0), waiting(0)]
  const queue = filled(waiting(3, { costMs: 100 }), old, fresh)
  assert.equal(queue.take(10), old)
})

test('the oldest of the last rank gives way, never one that matters more than the newcomer', () => {
  const [old, fresh] = [waiting(2), waiting(2)]
  const queue = filled(waiting(1), old, fresh)
  assert.equal(queue.spare(2, false, false), undefined)
  assert.equal(queue.spare(2, false, true), old)
  assert.equal(queue.spare(1, false, false), fresh)
  assert.equal(queue.spare(1, true, true), undefined)
  assert.equal(filled(waiting(1, { heavy: true })).spare(1, false, false)?.heavy, true)
})

test('only what has waited since before a moment is taken out for its age', () => {
  const queue = filled(waiting(1, { sinceMs: 5 }), waiting(3, { sinceMs: 9 }))
  assert.equal(queue.takeOlder(5), undefined)
  assert.equal(queue.takeOlder(9)?.sinceMs, 5)
  assert.equal(queue.takeOlder(9), undefined)
})

test('a unit that left is taken out, wherever it stands', () => {
  const [one, other] = [waiting(1), waiting(1)]
  const queue = filled(one, other)
  assert.equal(queue.remove(one.unit), one)
  assert.equal(queue.remove(one.unit), undefined)
  assert.equal(queue.take(Infinity), other)
})

test('whatever is done, the queue holds what was put in and not taken out, at its cost', () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('push' as const), lane: fc.nat(3), heavy: fc.boolean(), costMs: fc.nat(50) }),
    fc.record({ do: fc.constant('take' as const), inTimeMs: fc.nat(100) }),
    fc.record({ do: fc.constant('spare' as const), lane: fc.nat(3), equalToo: fc.boolean() }),
    fc.record({ do: fc.constant('age' as const), beforeMs: fc.nat(200) }),
    fc.record({ do: fc.constant('remove' as const), at: fc.nat(20) })
  )
  fc.assert(fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
    const queue = new LaneQueue<object>()
    const held = new Set<Waiting<object>>()
    for (const [sinceMs, one] of steps.entries()) {
      let out: Waiting<object> | undefined
      if (one.do === 'push') {
        const put = waiting(one.lane, { ...one, sinceMs })
        queue.push(put)
        held.add(put)
      } else if (one.do === 'take') {
        out = queue.take(one.inTimeMs)
        const best = Math.min(...[...held].map(({ lane }) => lane))
        assert.equal(out?.lane, held.size === 0 ? undefined : best)
      } else if (one.do === 'spare') {
        out = queue.spare(one.lane, false, one.equalToo)
        assert.ok(out === undefined || out.lane >= one.lane)
      } else if (one.do === 'age') {
        out = queue.takeOlder(one.beforeMs)
        assert.ok(out === undefined || out.sinceMs < one.beforeMs)
      } else {
        out = queue.remove([...held][one.at]?.unit ?? ({} as object))
      }
      if (out !== undefined) assert.ok(held.delete(out))
      assert.equal(queue.length, held.size)
      assert.equal(queue.costMs, [...held].reduce((sum, { costMs }) => sum + costMs, 0))
      assert.equal(queue.countUpTo(3), held.size)
    }
  }))
})
