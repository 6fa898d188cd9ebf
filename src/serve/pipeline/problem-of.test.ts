import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem } from '../../kernel/index.ts'
import { requestProblems } from './problem-kinds.ts'
import { problemOf, retryAfterOf } from './problem-of.ts'

test('a problem is answered as it is', () => {
  const problem = new Problem(requestProblems.ROUTE_NOT_FOUND)
  assert.equal(problemOf(problem), problem)
})

test('an error with a code of ours keeps code and status; its message goes out only for a 4xx', () => {
  const busy = problemOf(
    Object.assign(new Error('64 tasks wait'), { code: 'COMPUTE_QUEUE_FULL', statusCode: 503 })
  )
  assert.deepEqual([busy.code, busy.statusCode, busy.detail], ['COMPUTE_QUEUE_FULL', 503, undefined])
  const large = problemOf(
    Object.assign(new Error('too large'), { code: 'FST_ERR_CTP_BODY_TOO_LARGE', statusCode: 413 })
  )
  assert.deepEqual([large.code, large.statusCode, large.detail], ['BODY_TOO_LARGE', 413, 'too large'])
})

test('an error may bring its kind with it', () => {
  const kind = { code: 'DATABASE_BUSY', status: 503, title: 'All database connections are in use' }
  const problem = problemOf(Object.assign(new Error('pool of db.internal'), { problemKind: kind }))
  assert.deepEqual([problem.code, problem.statusCode, problem.detail], ['DATABASE_BUSY', 503, undefined])
})

test("an error with a client's status keeps status and message", () => {
  const problem = problemOf(Object.assign(new Error('come back later'), { statusCode: 425 }))
  assert.deepEqual([problem.code, problem.statusCode, problem.detail], ['TOO_EARLY', 425, 'come back later'])
})

test("an error with a server's status keeps the status and not the message", () => {
  const problem = problemOf(Object.assign(new Error('db1.internal refused'), { statusCode: 502 }))
  assert.deepEqual([problem.code, problem.statusCode, problem.detail], ['BAD_GATEWAY', 502, undefined])
})

test('anything else that was thrown is an internal error that says nothing', () => {
  for (
    const thrown of [new Error('secret'), 'secret', 7, null, undefined, {
      message: 'secret',
      statusCode: 200,
    }]
  ) {
    const problem = problemOf(thrown)
    assert.deepEqual([problem.code, problem.statusCode, problem.detail], ['INTERNAL_ERROR', 500, undefined])
    assert.doesNotMatch(JSON.stringify(problem.toDocument()), /secret/)
  }
})

test('each validation issue names its place', () => {
  const validation = [
    {
      instancePath: '/items/0',
      keyword: 'additionalProperties',
      params: { additionalProperty: 'x' },
      message: 'must NOT',
    },
    { instancePath: '', message: 'must be object' },
  ]
  const problem = problemOf({ validation, validationContext: 'body', message: 'ignored' })
  assert.equal(problem.detail, 'body/items/0 must NOT: x; body must be object')
  assert.deepEqual(problem.extensions['issues'], [
    { in: 'body', path: '/items/0', message: 'must NOT: x' },
    { in: 'body', path: '', message: 'must be object' },
  ])
})

test('an error of a known kind may say when to come back, in whole seconds that are not too few', () => {
  const problemKind = { code: 'BUSY', status: 503, title: 'Busy' }
  assert.equal(retryAfterOf(Object.assign(new Error('x'), { problemKind, retryAfterMs: 1_001 })), 2)
  for (
    const error of [{ problemKind }, { retryAfterMs: 5 }, { problemKind, retryAfterMs: Number.NaN }, 7, null]
  )
    assert.equal(retryAfterOf(error), undefined)
})

test('a problem that has retryAfterSeconds says when to come back', () => {
  const ask = (retryAfterSeconds: unknown): number | undefined =>
    retryAfterOf(new Problem(requestProblems.ROUTE_NOT_FOUND, { extensions: { retryAfterSeconds } }))
  assert.equal(ask(3), 3)
  assert.equal(ask(2.1), 3)
  for (const none of [undefined, '3', -1, Number.NaN]) assert.equal(ask(none), undefined)
})
