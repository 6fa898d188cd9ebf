import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type TSchema, Type } from 'typebox'
import { onSignal } from './wait-for.ts'

test('a signal has a schema; what is none would let anything through, and is refused', () => {
  const none: unknown[] = [{ payload: Type.Object({ by: Type.String() }) }, {}, undefined, 'text', null]
  for (const each of none) {
    assert.throws(() => onSignal('approved', each as TSchema), {
      code: 'SETTING_INVALID',
      message: /^signal approved: schema must be a TypeBox type or a JSON Schema/,
    })
  }
  for (const some of [Type.Unknown(), Type.Union([Type.Null(), Type.String()]), { type: 'object' }])
    assert.equal(onSignal('approved', some).name, 'approved')
})

test('a payload that does not fit is told where it does not', () => {
  const { flawOf } = onSignal('approved', Type.Object({ by: Type.String() }))
  assert.equal(flawOf({ by: 'Ann' }), undefined)
  assert.match(flawOf({ by: 7 }) ?? '', /^\/by must be string/)
  assert.match(flawOf(undefined) ?? '', /^it must be object/)
})
