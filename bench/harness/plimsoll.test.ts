import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plimsollAddress } from './plimsoll.ts'

test('the addresses of the service and of the admin port are found in their events', () => {
  const service = '{"event":"listening","addresses":["127.0.0.1:4000","unix:/x"]}'
  const admin = '{"event":"admin-listening","host":"127.0.0.1","port":4001}'
  assert.deepEqual(plimsollAddress(service, 'listening'), { host: '127.0.0.1', port: 4000 })
  assert.deepEqual(plimsollAddress(admin, 'admin-listening'), { host: '127.0.0.1', port: 4001 })
  assert.equal(plimsollAddress(admin, 'listening'), undefined)
  assert.equal(plimsollAddress('plain text', 'listening'), undefined)
})
