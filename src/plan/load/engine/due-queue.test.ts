import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DueQueue } from './due-queue.ts'

test('whatever is pushed and popped, the earliest comes first', () => {
  fc.assert(fc.property(fc.array(fc.option(fc.nat(100), { freq: 3 })), (moves) => {
    const queue = new DueQueue<number>()
    const model: number[] = []
    for (const move of moves) {
      if (move === null) {
        model.sort((one, other) => one - other)
        assert.equal(queue.pop(), model.shift())
      } else {
        queue.push(move, move)
        model.push(move)
      }
      assert.equal(queue.nextMs, Math.min(Infinity, ...model))
      assert.equal(queue.size, model.length)
    }
  }))
})
