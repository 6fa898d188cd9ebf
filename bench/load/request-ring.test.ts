import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseTraceparent } from '../../src/kernel/index.ts'
import { preparedRequests, traceparents } from './request-ring.ts'

test('every traceparent is valid and its own, and exactly 1 % are sampled', () => {
  const parsed = traceparents(1000, Math.random).map((header) => parseTraceparent(header))
  assert.equal(parsed.filter((trace) => trace === undefined).length, 0)
  assert.equal(new Set(parsed.map((trace) => trace?.traceId)).size, 1000)
  assert.equal(parsed.filter((trace) => trace?.sampled).length, 10)
})

test('a random source of zeros still makes valid ids', () => {
  assert.ok(parseTraceparent(traceparents(1, () => 0)[0] ?? ''))
})

test('a prepared request is complete, and carries its traceparent', () => {
  const [request] = preparedRequests('/ping', '127.0.0.1:1', ['00-a-b-01'])
  assert.equal(
    request?.toString(),
    'GET /ping HTTP/1.1\r\nHost: 127.0.0.1:1\r\ntraceparent: 00-a-b-01\r\n\r\n'
  )
})
