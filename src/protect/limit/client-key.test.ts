import fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { test } from 'node:test'
import { clientKey } from './client-key.ts'

test('addresses of one client have one key', () => {
  for (
    const [address, key] of [
      ['192.0.2.1', '192.0.2.1'],
      ['::ffff:192.0.2.1', '192.0.2.1'],
      ['::FFFF:c000:0201', '192.0.2.1'],
      ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
      ['2001:db8::1', '2001:db8:0:0::/64'],
      ['2001:0DB8:0:0:ffff::', '2001:db8:0:0::/64'],
      ['2001:db8:0:1::1', '2001:db8:0:1::/64'],
      ['fe80::1%eth0', 'fe80:0:0:0::/64'],
      ['::', '0:0:0:0::/64'],
      ['::1', '0:0:0:0::/64'],
      ['1::', '1:0:0:0::/64'],
    ] as const
  ) assert.equal(clientKey(address), key, address)
})

test('what is no address is its own key', () => {
  for (
    const text of [
      '',
      ':',
      ':::',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '1::2::3',
      '1:2:3:4:5:6:7:8::',
      '::12345',
      '::g',
      '::1.2.3',
      '::1.2.3.256',
      '1:',
      'unknown',
      '::1.2.3.4.5',
      '\u00e4::',
      '1:2:3:4:5:6:7:1.2.3.4',
    ]
  ) assert.equal(clientKey(text), text)
})

test('it reads IPv6 as ipaddr.js does', () => {
  fc.assert(fc.property(fc.ipV6(), (address) => {
    // A dotted end without ffff before it is IPv4-mapped to ipaddr.js, which it is not.
    if (isIP(address) !== 6 || address.includes('.')) return
    const parsed = ipaddr.IPv6.parse(address)
    const key = clientKey(address)
    if (parsed.isIPv4MappedAddress()) return assert.equal(key, parsed.toIPv4Address().toString())
    assert.equal(key, `${parsed.parts.slice(0, 4).map((part) => part.toString(16)).join(':')}::/64`)
  }))
})

test('no text makes it fail', () => {
  const text = fc.string({ unit: fc.constantFrom(...':.%0aF9g\u00e4'), maxLength: 50 })
  fc.assert(
    fc.property(text, (address) => {
      const key = clientKey(address)
      assert.equal(clientKey(address), key)
      if (isIP(address) === 6) assert.match(key, /^([\da-f]{1,4}:){4}:\/64$|^\d+(\.\d+){3}$/)
    }),
    { numRuns: 2_000 }
  )
})
