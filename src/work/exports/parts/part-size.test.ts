import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rowsOfNextPart } from './part-size.ts'

test('parts come to the size that was asked for, from rows of any size', () => {
  fc.assert(
    fc.property(fc.integer({ min: 40, max: 300_000 }), (rowBytes) => {
      let [rows, rawBytes] = [0, 0]
      for (let part = 0; part < 4; part++) {
        const next = rowsOfNextPart({ rows, rawBytes }, 32_000_000)
        if (part > 0)
          assert.ok(Math.abs(next * rowBytes / 32_000_000 - 1) < 0.01 || next === 1_000_000 || next === 107)
        rows += next
        rawBytes += next * rowBytes
      }
    }),
    { numRuns: 100 }
  )
})

test('the first part is a small one, and no part is tiny or without end', () => {
  assert.equal(rowsOfNextPart({ rows: 0, rawBytes: 0 }, 32_000_000), 1_000)
  assert.equal(rowsOfNextPart({ rows: 1_000, rawBytes: 1e12 }, 32_000_000), 100)
  assert.equal(rowsOfNextPart({ rows: 1_000, rawBytes: 2_000 }, 1e12), 1_000_000)
})
