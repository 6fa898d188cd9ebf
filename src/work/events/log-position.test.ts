import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  comparePositions,
  formatPosition,
  type LogPosition,
  logPosition,
  logStart,
  parsePosition,
} from './log-position.ts'

const id = fc.bigInt({ min: 0n, max: 2n ** 59n })
const somewhere: fc.Arbitrary<LogPosition> = fc.tuple(fc.nat(1_000), id, id).map((parts) =>
  logPosition(...parts)
)

test('a position comes back from its text', () => {
  fc.assert(
    fc.property(somewhere, (position) => {
      assert.deepEqual(parsePosition(formatPosition(position)), position)
      assert.equal(JSON.stringify({ position }), `{"position":"${formatPosition(position)}"}`)
    }),
    { numRuns: 200 }
  )
})

test('positions are ordered by epoch, then transaction, then position', () => {
  const inOrder: LogPosition[] = [
    logStart,
    { epoch: 1, xid: 99n, position: 9n },
    { epoch: 2, xid: 5n, position: 0n },
    { epoch: 2, xid: 5n, position: 10n },
    { epoch: 2, xid: 12n, position: 3n },
  ]
  const shuffled = [3, 0, 4, 2, 1].map((at) => inOrder[at]!)
  assert.deepEqual(shuffled.toSorted(comparePositions), inOrder)
  assert.equal(comparePositions(inOrder[3]!, { ...inOrder[3]! }), 0)
})

test('what is no position is none', () => {
  for (const text of ['', '1.2', '1.2.3.4', '01.2.3', '-1.2.3', '1.2.x', ' 1.2.3', `1.${'9'.repeat(20)}.3`])
    assert.equal(parsePosition(text), undefined, text)
})
