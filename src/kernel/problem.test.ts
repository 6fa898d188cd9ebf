import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem } from './problem.ts'

const kind = { code: 'OUT_OF_STOCK', status: 409, title: 'There is not enough stock' }

test('the document has the members of RFC 9457, the code, and the extensions', () => {
  const problem = new Problem(kind, { detail: '3 are left', extensions: { left: 3 } })
  assert.deepEqual(problem.toDocument(), {
    left: 3,
    type: 'urn:plimsoll:problem:out-of-stock',
    title: 'There is not enough stock',
    status: 409,
    code: 'OUT_OF_STOCK',
    detail: '3 are left',
  })
})

test('an extension cannot overwrite a standard member', () => {
  const document = new Problem(kind, { extensions: { status: 200, code: 'FINE', type: 'x' } }).toDocument()
  assert.deepEqual([document.status, document.code, document.type], [
    409,
    kind.code,
    'urn:plimsoll:problem:out-of-stock',
  ])
})

test('a problem without a detail has none in its document, and its title as message', () => {
  const problem = new Problem(kind)
  assert.equal('detail' in problem.toDocument(), false)
  assert.equal(problem.message, kind.title)
})
