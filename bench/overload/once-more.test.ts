import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onceMore } from './once-more.ts'

test('what was disturbed is measured once more, and no third time', async () => {
  let measured = 0
  const measure = async (): Promise<number> => ++measured
  assert.equal(await onceMore(measure, () => true), 1)
  assert.equal(await onceMore(measure, () => false), 3)
  assert.equal(measured, 3)
})
