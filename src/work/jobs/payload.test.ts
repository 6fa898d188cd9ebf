import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from 'typebox'
import { PayloadForm } from './payload.ts'

const form = new PayloadForm(
  'mail.send',
  Type.Object({ to: Type.String(), times: Type.Optional(Type.Integer()) }),
  64
)

test('what fits the schema is written as JSON and read back', () => {
  assert.deepEqual(form.read(form.write({ to: 'ann' })), { to: 'ann' })
})

test('what does not fit is refused by its place and reason, before it is in any queue', () => {
  assert.throws(() => form.write({ to: 5 }), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'JOB_PAYLOAD_INVALID')
    assert.match(error.message, /mail\.send.*\/to must be string/)
    return true
  })
  assert.throws(() => form.write(undefined), { code: 'JOB_PAYLOAD_INVALID' })
  assert.throws(() => form.write({ to: 'ann', times: Number.NaN }), { code: 'JOB_PAYLOAD_INVALID' })
})

test('the bound is one of bytes, to the byte', () => {
  const overhead = '{"to":""}'.length
  form.write({ to: 'x'.repeat(64 - overhead) })
  assert.throws(() => form.write({ to: 'x'.repeat(64 - overhead + 1) }), {
    code: 'JOB_PAYLOAD_TOO_LARGE',
    bytes: 65,
  })
  form.write({ to: 'ß'.repeat(27) })
  assert.throws(() => form.write({ to: 'ß'.repeat(28) }), { code: 'JOB_PAYLOAD_TOO_LARGE', bytes: 65 })
})

test('texts that PostgreSQL cannot keep are refused, and those that only look alike are not', () => {
  for (const to of ['a\0', '\ud800', 'a\udc00b'])
    assert.throws(() => form.write({ to }), { code: 'JOB_PAYLOAD_INVALID' }, JSON.stringify(to))
  for (const to of ['\\u0000', '\\\\ud800', '😀', '\u0001'])
    assert.deepEqual(form.read(form.write({ to })), { to })
})

test('what another release has written and this one does not understand is an error of its own', () => {
  assert.throws(() => form.read('{"recipient":"ann"}'), { code: 'JOB_PAYLOAD_UNREADABLE' })
})
