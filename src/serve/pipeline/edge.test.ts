import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Edge, type Peer } from './edge.ts'

const from = (remoteAddress: string | undefined, destroyed = false): Peer => ({ remoteAddress, destroyed })

test('peers inside a trusted network are believed, IPv4 over IPv6 too, and others are not', () => {
  const edge = new Edge(['10.0.0.0/8', '2001:db8::/32', '192.0.2.7'])
  for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '2001:db8::1', '192.0.2.7']) {
    assert.equal(edge.trusts(from(address)), true, address)
  }
  for (const address of ['11.0.0.1', '2001:db9::1', '192.0.2.8', '::ffff:11.0.0.1']) {
    assert.equal(edge.trusts(from(address)), false, address)
  }
})

test('nobody on the network is believed unless somebody is named; a UNIX socket is while it is open', () => {
  assert.equal(new Edge([]).trusts(from('127.0.0.1')), false)
  assert.equal(new Edge([]).trusts(from(undefined)), true)
  assert.equal(new Edge(['10.0.0.0/8']).trusts(from(undefined)), true)
  assert.equal(new Edge([]).trusts(from(undefined, true)), false)
})

test('what is neither an address nor a network stops the boot, with its text', () => {
  for (
    const text of [
      'proxy.internal',
      '10.0.0.0/33',
      '10.0.0.0/8/8',
      '10.0.0.0/x',
      '10.0.0.0/',
      '10.0.0.0/-1',
      '',
      '::/129',
    ]
  ) {
    assert.throws(() => new Edge([text]), { code: 'SETTING_INVALID', value: text })
  }
})
