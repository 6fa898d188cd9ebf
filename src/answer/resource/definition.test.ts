import Fastify from 'fastify'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pool } from 'pg'
import { Type } from 'typebox'
import { cursorKeys } from '../../data/page/index.ts'
import { defineResource, type Resource, type ResourceOptions } from './definition.ts'
import { many, one } from './relation.ts'
import { resource } from './resource.ts'

const cursors = cursorKeys(['a secret that only the tests of resources know'])
const schema = Type.Object({
  id: Type.Integer(),
  name: Type.String(),
  spot: Type.Object({}),
  limit: Type.Integer(),
})

function define (options: Partial<ResourceOptions<typeof schema>>): Resource {
  return defineResource({ name: 'thing', path: '/things', schema, from: 'thing', key: 'id', ...options })
}

const wrong: readonly (readonly [claim: string, options: object, setting: RegExp])[] = [
  ['a path without a slash', { path: 'things' }, /^path/],
  ['a key that is no property', { key: 'code' }, /^key/],
  ['a key that cannot be asked for', { key: 'spot' }, /^key/],
  ['an order by what is not there', { list: { sort: ['-nam'] } }, /^list\.sort/],
  ['no order at all', { list: { sort: [] } }, /^list\.sort/],
  ['a filter by what is not there', { list: { filter: { nam: ['eq'] } } }, /^list\.filter\.nam/],
  ['an unknown operator', { list: { filter: { name: ['like'] } } }, /^list\.filter\.name/],
  ['a filter without operators', { list: { filter: { name: [] } } }, /^list\.filter\.name/],
  ['a filter named as a parameter', { list: { filter: { limit: ['eq'] } } }, /^list\.filter\.limit/],
  ['a filter of a type that is not checked', { list: { filter: { spot: ['eq'] } } }, /^list\.filter\.spot/],
  ['a relation named as a property', { expand: { name: one(() => define({}), { by: 'id' }) } }, /^expand/],
  ['a column of nothing', { columns: { name: ' ' } }, /^columns\.name/],
  ['a limit that is no number', { limits: { depth: NaN } }, /^limits\.depth/],
]

test('a declaration that does not hold together stops the boot and names what is wrong', () => {
  for (const [claim, options, setting] of wrong) {
    assert.throws(() => define(options), (error: Error & { code: string; setting: string }) => {
      assert.equal(error.code, 'SETTING_INVALID', claim)
      assert.match(error.setting, setting, claim)
      return true
    })
  }
  assert.throws(() => many(() => define({}), { by: 'id', limit: 0 }), { code: 'SETTING_INVALID' })
})

test('relations that lead nowhere, and pages larger than the largest, stop the app', async () => {
  const lost: readonly Partial<ResourceOptions<typeof schema>>[] = [
    { expand: { owner: one(() => define({}), { by: 'ownerId' }) } },
    { expand: { parts: many(() => define({}), { by: 'thingId' }) } },
    { expand: { parts: many(() => define({}), { by: 'id', sort: 'name' }) } },
    {
      expand: {
        parts: many(() => define({ expand: { owner: one(() => define({}), { by: 'ownerId' }) } }), {
          by: 'id',
        }),
      },
    },
    { list: { page: { default: 200, max: 100 } } },
  ]
  for (const options of lost) {
    const app = Fastify()
    const data = { query: () => assert.fail('nothing is asked') } as unknown as Pool
    await assert.rejects(async () => app.register(resource(define(options), { data, cursors })), {
      code: 'SETTING_INVALID',
    })
    await app.close()
  }
})
