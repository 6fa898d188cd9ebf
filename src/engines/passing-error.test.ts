import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EngineUnavailableError } from './errors.ts'
import { mayPass } from './passing-error.ts'

function coded (code: string): Error {
  return Object.assign(new Error('no luck'), { code })
}

test('a server that is not up yet may come up; a wrong name, password or certificate does not mend itself', () => {
  for (const code of ['ECONNREFUSED', 'ETIMEDOUT', 'EAI_AGAIN', '57P03', '53300'])
    assert.equal(mayPass(coded(code)), true, code)
  for (const code of ['28P01', '28000', '3D000', 'ENOTFOUND', 'SELF_SIGNED_CERT_IN_CHAIN', 'EACCES'])
    assert.equal(mayPass(coded(code)), false, code)
  assert.equal(mayPass(new Error('LOADING Redis is loading the dataset in memory')), true)
  assert.equal(mayPass(new Error('timeout expired')), true)
  assert.equal(mayPass(new Error('Connection terminated due to connection timeout')), true)
  assert.equal(mayPass(new Error('WRONGPASS invalid username-password pair')), false)
  assert.equal(mayPass('what'), false)
})

test('of several addresses all must be such that waiting helps', () => {
  assert.equal(mayPass(new AggregateError([coded('ECONNREFUSED'), coded('ENETUNREACH')])), true)
  assert.equal(mayPass(new AggregateError([coded('ECONNREFUSED'), coded('28P01')])), false)
  assert.equal(mayPass(new AggregateError([])), false)
})

test('an engine that is unavailable says whether waiting may help', () => {
  assert.equal(new EngineUnavailableError('x', 'y', 'z', coded('ECONNREFUSED')).mayPass, true)
  assert.equal(new EngineUnavailableError('x', 'y', 'z', coded('28P01')).mayPass, false)
  assert.equal(new EngineUnavailableError('x', 'y', 'z').mayPass, false)
})
