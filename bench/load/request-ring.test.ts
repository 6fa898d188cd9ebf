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
  const [request] = preparedRequests({ path: '/ping' }, '127.0.0.1:1', ['00-a-b-01'])
  assert.equal(
    request?.toString(),
    'GET /ping HTTP/1.1\r\nHost: 127.0.0.1:1\r\ntraceparent: 00-a-b-01\r\n\r\n'
  )
})

test('ids stand in the path, each of them, with the headers that were asked for', () => {
  const options = { path: '/things/{id}', ids: 3, headers: { 'if-none-match': '"a"' } }
  const texts = preparedRequests(options, 'h', ['a', 'b', 'c']).map(String)
  assert.deepEqual(texts.map((text) => /^GET (\S+)/.exec(text)?.[1]).toSorted(), [
    '/things/1',
    '/things/2',
    '/things/3',
  ])
  assert.ok(texts.every((text) => text.endsWith('\r\nif-none-match: "a"\r\n\r\n')))
})
