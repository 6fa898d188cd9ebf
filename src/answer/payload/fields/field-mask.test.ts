import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RecentMap } from '../recent-map.ts'
import { addVary } from '../vary.ts'
import { FieldMask, selectList } from './field-mask.ts'
import { treeOf } from './field-tree.ts'
import { maskedSchema } from './mask-schema.ts'

test('a mask has a field when anything of it will be sent', () => {
  const mask = new FieldMask(['id', 'price.amount'])
  assert.deepEqual(
    ['id', 'price', 'price.amount', 'price.currency', 'name', 'i', 'idea'].filter((name) => mask.has(name)),
    [
      'id',
      'price',
      'price.amount',
    ]
  )
  assert.ok(new FieldMask(['price']).has('price.amount'))
})

test('the select list has the columns of what was asked for, each once, in the order of the map', () => {
  const columns = {
    id: 'id',
    name: ['first', 'last'],
    'price.amount': 'amount',
    'price.currency': 'currency',
    slug: 'first',
  }
  assert.deepEqual(selectList(undefined, columns), ['id', 'first', 'last', 'amount', 'currency'])
  assert.deepEqual(selectList(new FieldMask(['price', 'id']), columns), ['id', 'amount', 'currency'])
  assert.deepEqual(selectList(new FieldMask(['slug', 'name']), columns), ['first', 'last'])
})

test('a full map forgets what nobody has asked for the longest', () => {
  const map = new RecentMap<number>(2)
  map.set('a', 1)
  map.set('b', 2)
  map.get('a')
  map.set('c', 3)
  assert.deepEqual([map.get('a'), map.get('b'), map.get('c'), map.size], [1, undefined, 3, 2])
})

test('Vary keeps what it says, names nothing twice, and an asterisk says all', () => {
  const vary = (given: string | undefined, name: string): unknown => {
    const headers = new Map<string, string>(given === undefined ? [] : [['vary', given]])
    addVary({ getHeader: (key) => headers.get(key), header: (key, value) => headers.set(key, value) }, name)
    return headers.get('vary')
  }
  assert.equal(vary(undefined, 'accept'), 'accept')
  assert.equal(vary('Origin', 'accept'), 'Origin, accept')
  assert.equal(vary('origin, Accept', 'accept'), 'origin, Accept')
  assert.equal(vary('*', 'accept'), '*')
})

test('a schema of alternatives has no serializer of its own for a part of it', () => {
  const properties = { id: { type: 'integer' }, name: { type: 'string' } }
  const tree = treeOf([['id']])
  assert.deepEqual(maskedSchema({ type: 'object', properties, required: ['name'] }, tree), {
    type: 'object',
    properties: { id: properties.id },
  })
  assert.equal(maskedSchema({ properties, anyOf: [{ required: ['id'] }] }, tree), undefined)
  assert.equal(maskedSchema({ properties, $ref: '#/$defs/x' }, tree), undefined)
})
