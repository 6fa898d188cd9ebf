import type { ConsumeMessage } from 'amqplib'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readMessage } from './read-message.ts'

function foreign (text: string, properties: object = {}, redelivered = false): ConsumeMessage {
  return {
    content: Buffer.from(text),
    fields: { routingKey: 'order.placed', deliveryTag: 1, redelivered, exchange: 'events', consumerTag: '' },
    properties: { headers: {}, ...properties },
  } as unknown as ConsumeMessage
}

test('messages of a producer that gives no ids are told apart, and known when they come again', () => {
  const first = readMessage(foreign('{"n":1}', { headers: {} }))
  const again = readMessage(foreign('{"n":1}', { headers: { 'x-delivery-count': 1 } }, true))
  const other = readMessage(foreign('{"n":2}'))
  const later = readMessage(foreign('{"n":1}', { timestamp: 1_700_000_000 }))
  assert.equal(first.id, again.id)
  assert.equal(new Set([first.id, other.id, later.id]).size, 3)
  assert.equal(readMessage(foreign('{}', { messageId: 'm-1' })).id, 'm-1')
})

test('a foreign message has the routing key as its type, and its timestamp', () => {
  const { type, key, version, occurredAtMs, payload, headers } = readMessage(
    foreign('{}', { timestamp: 1_700_000_000, headers: { Shade: 'blue', count: 3 } })
  )
  assert.deepEqual({ type, key, version, occurredAtMs, payload, headers }, {
    type: 'order.placed',
    key: '',
    version: 1,
    occurredAtMs: 1_700_000_000_000,
    payload: '{}',
    headers: { shade: 'blue' },
  })
})
