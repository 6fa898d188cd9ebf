import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import { hasProc } from '../harness/index.ts'
import { clientPortsOf, establishedPorts, remotePorts } from './held-connections.ts'

test('the far ports of the given sockets are read, and a listening socket has none', () => {
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    '   0: 0100007F:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0',
    '   1: 0100007F:0BB8 0100007F:C001 01 00000000:00000000 00:00000000 00000000     0        0 12 1 0',
    '   2: 0100007F:0BB8 0100007F:C002 01 00000000:00000000 00:00000000 00000000     0        0 13 1 0',
  ].join('\n')
  assert.deepEqual([...remotePorts(table, new Set(['11', '12']))], [0xC001])
})

test('a connection that its far end has closed is not established', () => {
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    '   0: 0100007F:C001 0100007F:0BB8 01 00000000:00000000 00:00000000 00000000     0        0 12 1 0',
    '   1: 0100007F:C002 0100007F:0BB8 08 00000000:00000000 00:00000000 00000000     0        0 13 1 0',
  ].join('\n')
  assert.deepEqual([...establishedPorts(table)], [0xC001])
})

test('a connection that this process has accepted is among those it holds', {
  skip: hasProc() ? false : 'needs /proc: run it on Linux',
}, async () => {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1')
  const [accepted] = await once(server, 'connection') as [net.Socket]
  assert.ok(clientPortsOf(process.pid).has(client.localPort ?? 0))
  client.destroy()
  accepted.destroy()
  server.close()
})
