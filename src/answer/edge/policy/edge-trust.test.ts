import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { SettingError } from '../../../kernel/index.ts'
import { edgeTrust, type EdgeTrustOptions } from './edge-trust.ts'

const secret = 'what-only-the-edge-knows'

test('an edge is known by its address, in any way it is written, or by its header', () => {
  const isEdge = edgeTrust({
    addresses: ['10.0.0.0/8', '2001:db8::/32', '192.0.2.7'],
    header: { name: 'X-Edge', secret },
  })
  for (const address of ['10.9.8.7', '::ffff:10.0.0.1', '2001:db8::1', '192.0.2.7']) {
    assert.equal(isEdge(address, {}), true, address)
  }
  for (const address of ['11.0.0.1', '::ffff:11.0.0.1', '2001:db9::1', '192.0.2.8', 'unix', '', undefined]) {
    assert.equal(isEdge(address, {}), false, String(address))
  }
  assert.equal(isEdge('192.0.2.9', { 'x-edge': secret }), true)
  for (const shown of ['', `${secret}x`, [secret], undefined]) {
    assert.equal(isEdge('192.0.2.9', { 'x-edge': shown }), false, String(shown))
  }
})

test('without a header of its own, no header makes an edge', () => {
  const isEdge = edgeTrust({ addresses: ['10.0.0.1'] })
  assert.equal(isEdge('192.0.2.9', { undefined: '', '': '' }), false)
})

test('wrong settings stop the boot, and show no secret', () => {
  const wrong: readonly EdgeTrustOptions[] = [
    {},
    { addresses: ['10.0.0.0/33'] },
    { addresses: ['10.0.0.0/'] },
    { addresses: ['10.0.0.0/8/8'] },
    { addresses: ['edge.example'] },
    { header: { name: 'x edge', secret } },
    { header: { name: 'x-edge', secret: 'too-short' } },
  ]
  for (const options of wrong) {
    assert.throws(
      () => edgeTrust(options),
      (error) => error instanceof SettingError && !inspect(error).includes('too-short'),
      JSON.stringify(options)
    )
  }
})
