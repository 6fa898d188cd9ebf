import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jobFailure, lapsedFailure } from './job-failure.ts'

test('an error is kept with its code, its causes and the version that threw it', () => {
  const cause = new Error('socket closed')
  const error = Object.assign(new TypeError('no answer', { cause }), { code: 'NO_ANSWER' })
  const failure = jobFailure(error, '1.4.0')
  assert.equal(failure.name, 'TypeError')
  assert.equal(failure.code, 'NO_ANSWER')
  assert.equal(failure.message, 'no answer')
  assert.equal(failure.version, '1.4.0')
  assert.match(failure.stack ?? '', /no answer[^]*socket closed/)
})

test('what is kept is bounded, and is text that PostgreSQL takes', () => {
  const failure = jobFailure(new Error(`\0\ud800${'x'.repeat(50_000)}`), '\0')
  assert.ok(failure.message.length <= 2_000 && failure.stack!.length <= 8_000)
  for (const text of [failure.message, failure.stack!, failure.version!]) {
    assert.ok(text.isWellFormed() && !text.includes('\0'))
  }
  const cutInPair = jobFailure(new Error(`${'x'.repeat(1_998)}\u{1f6a2}${'x'.repeat(9)}`))
  assert.ok(cutInPair.message.isWellFormed())
})

test('whatever is thrown can be told', () => {
  assert.deepEqual(jobFailure('no').message, 'no')
  assert.deepEqual(jobFailure(undefined).name, 'undefined')
  assert.match(jobFailure({ reason: 'x' }).message, /reason: 'x'/)
  const hostile = {
    get [Symbol.toStringTag] (): string {
      throw new Error('no')
    },
  }
  assert.ok(jobFailure(hostile).message.length > 0)
  const odd = Object.assign(new Error('odd'), { name: undefined, message: 5, code: {} })
  assert.equal(jobFailure(odd).message, '5')
})

test('lapsed leases are one group, whichever run it was', () => {
  assert.equal(lapsedFailure(1).fingerprint, lapsedFailure(7).fingerprint)
  assert.match(lapsedFailure(7).message, /run 7/)
})
