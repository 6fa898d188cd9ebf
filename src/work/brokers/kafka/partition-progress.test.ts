import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PartitionProgress } from './partition-progress.ts'

test('a place moves up to the first message that is not done, and is told once', () => {
  const progress = new PartitionProgress<number>()
  const [one, two, three] = [progress.hand(1), progress.hand(2), progress.hand(3)]
  two()
  assert.equal(progress.takeDone(), undefined)
  assert.equal(progress.oldest, 1)
  one()
  assert.equal(progress.takeDone(), 2)
  assert.equal(progress.takeDone(), undefined)
  three()
  assert.equal(progress.takeDone(), 3)
  assert.equal(progress.oldest, undefined)
})
