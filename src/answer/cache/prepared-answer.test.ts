import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CacheResult } from './found.ts'
import { linesOf, PreparedAnswer } from './prepared-answer.ts'

const given = ['content-type', 'text/plain', 'etag', '"a"', 'content-length', '2']

test('the lines say what the headers say, whatever the age and however often it has changed', () => {
  const second = fc.nat({ max: 200_000 })
  fc.assert(
    fc.property(
      fc.constantFrom<CacheResult>('hit', 'stale', 'miss', 'validated', 'collapsed'),
      fc.array(second, { minLength: 1, maxLength: 6 }),
      (result, ages) => {
        const answer = new PreparedAnswer(result, 200, given, 'ok', 'plimsoll; hit; ttl=')
        for (const age of ages) {
          answer.at(age, 100_000 - age)
          assert.equal(answer.lines, linesOf(answer.headers))
          assert.equal(answer.headers.at(-1), `plimsoll; hit; ttl=${100_000 - age}`)
          const at = answer.headers.indexOf('age')
          const isNew = result === 'miss' || result === 'validated'
          assert.equal(at < 0 ? undefined : answer.headers[at + 1], isNew ? undefined : String(age))
        }
      }
    ),
    { numRuns: 100 }
  )
})

test('lines are made once for each age', () => {
  const answer = new PreparedAnswer('hit', 200, given, 'ok', 'plimsoll; hit; ttl=')
  const first = answer.at(0, 10).lines
  assert.equal(
    first,
    'content-type: text/plain\r\netag: "a"\r\nage: 0\r\ncache-status: plimsoll; hit; ttl=10\r\n'
  )
  // The second reading puts them into one piece, the third takes that.
  for (let reading = 2; reading <= 3; reading++) assert.equal(answer.at(0, 10).lines, first)
  assert.notEqual(answer.at(1, 9).lines, first)
})

test('a value that no head can hold is in no line, and Node is left to refuse it', () => {
  const answer = new PreparedAnswer('hit', 200, ['x-a', 'one\r\ntwo', 'x-b', 'b'], 'ok', 'p; ttl=').at(0, 1)
  assert.equal(answer.lines, 'x-b: b\r\nage: 0\r\ncache-status: p; ttl=1\r\n')
  assert.equal(answer.headers[1], 'one\r\ntwo')
})
