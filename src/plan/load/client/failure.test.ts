import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failureKind } from './failure.ts'

for (
  const [code, kind] of [
    ['ECONNREFUSED', 'refused'],
    ['ECONNRESET', 'reset'],
    ['EPIPE', 'reset'],
    ['EADDRNOTAVAIL', 'exhausted'],
    ['EMFILE', 'exhausted'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'tls'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'tls'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'tls'],
    ['EHOSTUNREACH', 'unreachable'],
    ['ETIMEDOUT', 'unreachable'],
    [undefined, 'unreachable'],
  ] as const
) {
  test(`${code ?? 'an error without a code'} is ${kind}`, () => {
    assert.equal(failureKind(Object.assign(new Error('x'), { code })), kind)
  })
}
