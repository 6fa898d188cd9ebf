import assert from 'node:assert/strict'
import { test } from 'node:test'
import { localEngine } from '../../engines/index.ts'
import type { Settings } from '../settings/index.ts'
import { derivedSecret, secretsOf } from './secrets.ts'

const settings = (secrets: readonly string[]): Settings => ({ secrets }) as Settings

test('the workers of a machine without secrets agree on one; given secrets are taken as they are', async () => {
  await using engine = localEngine()
  const client = await engine.connect()
  const [first, second] = await Promise.all([
    secretsOf(settings([]), client),
    secretsOf(settings([]), client),
  ])
  assert.deepEqual(first, second)
  assert.ok((first[0] ?? '').length >= 32)
  assert.deepEqual(await secretsOf(settings(['a', 'b']), client), ['a', 'b'])
})

test('secrets of two purposes have nothing in common', () => {
  assert.notEqual(derivedSecret('x', 'cursors'), derivedSecret('x', 'tokens'))
  assert.equal(derivedSecret('x', 'cursors'), derivedSecret('x', 'cursors'))
  assert.ok(derivedSecret('x', 'cursors').length >= 32)
})
