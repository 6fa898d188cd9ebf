import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Deadline } from './deadline.ts'
import { manualClock } from './manual-clock.ts'
import { type Preferences, readPrefer, waitMsFor } from './prefer.ts'

const rows: readonly (readonly [header: string | undefined, found: Partial<Preferences>])[] = [
  [undefined, {}],
  ['', {}],
  ['respond-async', { respondAsync: true }],
  ['Respond-Async, wait=100', { respondAsync: true, waitMs: 100_000 }],
  ['respond-async; foo=bar, wait = "10"', { respondAsync: true, waitMs: 10_000 }],
  ['wait=10, wait=20', { waitMs: 10_000 }],
  ['wait=-1', {}],
  ['wait=ten', {}],
  ['return=minimal', { return: 'minimal' }],
  ['return=representation', { return: 'representation' }],
  ['return=other', {}],
  ['foo="a, respond-async", wait=3', { waitMs: 3_000 }],
  ['foo="a\\", respond-async"', {}],
  ['"respond-async"', {}],
  ['respond-asynchronously', {}],
]

for (const [header, found] of rows) {
  test(`Prefer ${JSON.stringify(header)} says ${JSON.stringify(found)}`, () => {
    assert.deepEqual(readPrefer(header), {
      respondAsync: false,
      waitMs: undefined,
      return: undefined,
      ...found,
    })
  })
}

test('no header makes it fail', () => {
  const piece = fc.oneof(
    fc.constantFrom('respond-async', 'wait', '=', '"', '\\', ',', ';', ' ', '1'),
    fc.string()
  )
  fc.assert(fc.property(fc.array(piece), (pieces) => {
    assert.equal(typeof readPrefer(pieces.join('')).respondAsync, 'boolean')
  }))
})

test('an answer is held back for as long as its client waits, and no longer than its deadline allows', () => {
  const clock = manualClock()
  assert.equal(waitMsFor(undefined, undefined, 30_000), 0)
  assert.equal(waitMsFor('wait=20', undefined, 30_000), 20_000)
  assert.equal(waitMsFor('wait=60', Deadline.none, 30_000), 30_000)
  assert.equal(waitMsFor('wait=20', Deadline.in(5_000, clock), 30_000), 4_900)
  assert.equal(waitMsFor('wait=20', Deadline.in(50, clock), 30_000), 0)
})
