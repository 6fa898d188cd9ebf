import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseLsn, replayTarget } from './lsn.ts'

test('a position is read as PostgreSQL writes it, and nothing else is', () => {
  assert.equal(parseLsn('0/0'), 0n)
  assert.equal(parseLsn('16/B374D848'), 0x16B374D848n)
  assert.equal(parseLsn('FFFFFFFF/FFFFFFFF'), 2n ** 64n - 1n)
  for (const text of ['', '1', '/1', '1/', 'G/1', '1/2/3', '-1/2', '123456789/0', ' 1/2']) {
    assert.throws(() => parseLsn(text), TypeError)
  }
})

test('behind the header of a page the page’s start is enough, so that an idle standby can get there', () => {
  assert.equal(replayTarget(3n * 8192n + 24n, 8192), 3n * 8192n)
  assert.equal(replayTarget(3n * 8192n + 40n, 8192), 3n * 8192n)
  assert.equal(replayTarget(3n * 8192n + 48n, 8192), 3n * 8192n + 48n)
  assert.equal(replayTarget(3n * 8192n, 8192), 3n * 8192n)
})

/** A log as PostgreSQL lays it out: records of 24 bytes and more, at multiples of 8, and a header on each page. */
function layOut (sizes: readonly number[]): readonly { readonly next: bigint; readonly end: bigint }[] {
  const [page, segment] = [8192, 1024 * 1024]
  let at = segment - 3 * page
  const header = (): number => at % segment === 0 ? 40 : at % page === 0 ? 24 : 0
  return sizes.map((size) => {
    at += header()
    for (let left = size; left > 0;) {
      const room = Math.min(left, page - at % page)
      at += room
      left -= room
      if (left > 0) at += header()
    }
    return { next: BigInt(at + header()), end: BigInt(at) }
  })
}

test('a standby that has replayed up to the target has replayed all records before it, and none needs more', () => {
  const size = fc.oneof(fc.integer({ min: 3, max: 20 }), fc.integer({ min: 3, max: 2_000 })).map((words) =>
    words * 8
  )
  fc.assert(
    fc.property(fc.array(size, { minLength: 1, maxLength: 200 }), (sizes) => {
      const records = layOut(sizes)
      records.forEach(({ next, end }, at) => {
        const target = replayTarget(next, 8192)
        assert.ok(end >= target, 'the standby gets there when it has replayed the record')
        const before = records[at - 1]?.end ?? 0n
        assert.ok(before < target, 'and not before')
      })
    }),
    { numRuns: 200 }
  )
})
