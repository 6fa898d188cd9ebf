import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '../../kernel/index.ts'
import { TicketKeys } from './ticket-keys.ts'

const hour = 60 * 60 * 1_000

test('keys have the 48 bytes that node:tls wants, and change every 12 hours', () => {
  const clock = manualClock()
  const rotated: Uint8Array[] = []
  const keys = new TicketKeys({ clock, onRotate: (next) => rotated.push(next) })
  const first = keys.current
  assert.equal(first.byteLength, 48)
  clock.advance(12 * hour - 1)
  assert.equal(keys.current, first)
  clock.advance(1)
  assert.notDeepEqual(keys.current, first)
  assert.deepEqual(rotated, [keys.current])
  keys.close()
  clock.advance(48 * hour)
  assert.equal(rotated.length, 1)
})
