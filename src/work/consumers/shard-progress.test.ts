import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type LogPosition, logStart } from '../events/index.ts'
import { ShardProgress } from './shard-progress.ts'

const at = (nth: number): LogPosition => ({ epoch: 1, xid: BigInt(nth), position: BigInt(nth) })

test('it stands before the first event that is not done, in whatever order events end', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat({ max: 30 }), { maxLength: 12 }),
      fc.infiniteStream(fc.nat()),
      (pages, picks) => {
        const progress = new ShardProgress(logStart)
        const open = new Map<number, () => void>()
        let nth = 0
        for (const size of pages) {
          for (let handed = 0; handed < size; handed++) {
            nth++
            open.set(nth, progress.hand(at(nth)))
          }
          progress.reach(nth === 0 ? logStart : at(nth))
          for (let ended = picks.next().value % (size + 2); ended > 0 && open.size > 0; ended--) {
            const picked = [...open.keys()][picks.next().value % open.size]!
            open.get(picked)!()
            open.delete(picked)
          }
          const first = Math.min(...open.keys())
          const last = open.size === 0 ? nth : first - 1
          assert.deepEqual(progress.done, last === 0 ? logStart : at(last))
          assert.equal(progress.finished, last)
          assert.equal(progress.size, nth - progress.finished)
        }
      }
    ),
    { numRuns: 200 }
  )
})

test('where nothing was handed out it moves with the log', () => {
  const progress = new ShardProgress(logStart)
  progress.reach(at(9))
  assert.deepEqual(progress.done, at(9))
  const end = progress.hand(at(10))
  progress.reach(at(20))
  assert.deepEqual(progress.done, at(9))
  end()
  assert.deepEqual(progress.done, at(20))
  assert.equal(progress.finished, 1)
})
