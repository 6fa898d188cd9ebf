import assert from 'node:assert/strict'
import { test } from 'node:test'
import { refusalAnswer } from './problems.ts'
import { keySet, refuse, signatureReasons, SignatureVerifier } from './signature/index.ts'

const verifier = new SignatureVerifier({ keys: keySet([]), policy: { tag: 'ours' } })

test('no signature is 401 and says what to sign, in the document and in Accept-Signature', () => {
  const { problem, headers } = refusalAnswer(refuse('missing'), verifier)
  assert.equal(problem.code, 'SIGNATURE_MISSING')
  assert.deepEqual(problem.toDocument()['requires'], ['created', 'keyid'])
  assert.equal(problem.toDocument()['maxAgeSeconds'], 300)
  assert.deepEqual(headers, {
    'www-authenticate': 'Signature',
    'accept-signature': 'sig1=("@method" "@authority" "@path" "@query" "content-digest");created;tag="ours"',
  })
})

test('a refusal says its reason and what it is about, and never more of a mismatch', () => {
  const { problem } = refusalAnswer(refuse('component-missing', '"@path"'), verifier)
  assert.equal(problem.statusCode, 401)
  assert.equal(problem.toDocument()['reason'], 'component-missing')
  assert.equal(problem.toDocument()['about'], '"@path"')
  assert.equal(refusalAnswer(refuse('mismatch'), verifier).problem.toDocument()['about'], undefined)
})

test('what could not be checked is 503 with Retry-After: the client did nothing wrong', () => {
  for (const reason of ['key-unavailable', 'replay-unavailable'] as const) {
    const { problem, headers } = refusalAnswer(refuse(reason), verifier)
    assert.equal(problem.statusCode, 503)
    assert.equal(headers['retry-after'], '2')
  }
})

test('a body that was taken away is answered as one that was changed', () => {
  const { problem } = refusalAnswer(refuse('digest-mismatch'), verifier)
  assert.deepEqual([problem.statusCode, problem.code], [400, 'DIGEST_MISMATCH'])
})

test('every reason has an answer below 500, or 503', () => {
  for (const reason of signatureReasons) {
    const { statusCode } = refusalAnswer(refuse(reason), verifier).problem
    assert.ok([400, 401, 503].includes(statusCode), `${reason} ${statusCode}`)
  }
})
