import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '../../kernel/index.ts'
import { TicketKeyRing } from './ticket-key-ring.ts'

test('the key stays for its time and is another one after', () => {
  const clock = manualClock()
  const ring = new TicketKeyRing({ rotateEveryMs: 3_600_000, clock })
  const first = ring.current()
  assert.equal(first.byteLength, 48)
  clock.advance(3_599_999)
  assert.equal(ring.current(), first)
  clock.advance(1)
  assert.notDeepEqual(ring.current(), first)
})

test('who watches gets each new key once, and none after cancelling', () => {
  const clock = manualClock()
  const ring = new TicketKeyRing({ rotateEveryMs: 3_600_000, clock })
  const seen: Buffer[] = []
  const cancel = ring.watch((keys) => seen.push(keys))
  clock.advance(3_600_000)
  assert.deepEqual(seen, [ring.current()])
  clock.advance(3_600_000)
  assert.equal(seen.length, 2)
  cancel()
  clock.advance(7_200_000)
  assert.equal(seen.length, 2)
})

test('a rotation shorter than nothing is refused', () => {
  assert.throws(() => new TicketKeyRing({ rotateEveryMs: 0 }), { code: 'SETTING_INVALID' })
})
