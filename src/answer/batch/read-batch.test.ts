import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem, SettingError } from '../../kernel/index.ts'
import { resolveBatchOptions } from './options.ts'
import { mayBeOwn, ownHeaders } from './part-headers.ts'
import { planParts } from './plan-parts.ts'
import { readBatch } from './read-batch.ts'

const limits = resolveBatchOptions({})

test('whatever is posted is read or refused with a problem', () => {
  const word = fc.constantFrom(
    'id',
    'method',
    'path',
    'headers',
    'body',
    'dependsOn',
    'GET',
    'POST',
    '/',
    '/x',
    'a',
    'b'
  )
  const part = fc.record({
    id: fc.oneof(word, fc.anything()),
    method: fc.oneof(fc.constantFrom('GET', 'POST'), fc.anything()),
    path: fc.oneof(fc.constantFrom('/', '/x'), fc.anything()),
    headers: fc.oneof(fc.dictionary(fc.constantFrom(...ownHeaders, 'host'), fc.string()), fc.anything()),
    dependsOn: fc.oneof(fc.array(word), fc.anything()),
  }, { requiredKeys: [] })
  fc.assert(fc.property(fc.oneof(fc.anything(), fc.record({ requests: fc.array(part) })), (document) => {
    try {
      for (const { ids } of planParts(readBatch(document, limits))) assert.ok(ids.length > 0)
    } catch (error) {
      assert.ok(error instanceof Problem, String(error))
    }
  }))
})

test('paths begin with what the path of the batch is in, unless the service says otherwise', () => {
  assert.equal(resolveBatchOptions({}).within, '/')
  assert.equal(resolveBatchOptions({ path: '/api/v1/batch' }).within, '/api/v1/')
  assert.equal(resolveBatchOptions({ path: '/api/batch', within: '/' }).within, '/')
})

test('all headers that parts may always bring are among those that they can', () => {
  assert.deepEqual(ownHeaders.filter((name) => !mayBeOwn(name)), [])
})

for (
  const options of [
    { maxParts: 0 },
    { maxParts: 1.5 },
    { parallelism: 0 },
    { maxCost: 0 },
    { maxCost: Number.NaN },
    { path: 'batch' },
    { within: '/api' },
    { deadline: 0 },
    { bodyLimit: 'lots' as never },
    { partHeaders: ['Authorization'] },
    { partHeaders: ['x-forwarded-for'] },
    { partHeaders: ['transfer-encoding'] },
    { partHeaders: ['no header'] },
  ]
) {
  test(`${JSON.stringify(options)} stops the boot`, () => {
    assert.throws(() => resolveBatchOptions(options), SettingError)
  })
}
