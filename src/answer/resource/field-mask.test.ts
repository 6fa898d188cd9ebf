import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canonicalMask, type FieldTree, parseFieldMask } from './field-mask.ts'
import { products } from './market.fixture.ts'
import { canonicalItemQuery, canonicalListQuery, type RawQuery } from './resource-query.ts'

const category: FieldTree = { place: 'product.category', fields: ['id', 'name'], relations: new Map() }
const tree: FieldTree = {
  place: 'product',
  fields: ['id', 'name', 'price'],
  relations: new Map([['category', category]]),
}

test('the same fields in another order, or twice, are the same mask', () => {
  const names = ['id', 'name', 'price', 'category.id', 'category.name']
  fc.assert(fc.property(fc.subarray(names, { minLength: 1 }), fc.func(fc.boolean()), (wanted, coin) => {
    const mixed = [...wanted.filter(coin), ...wanted.toReversed(), ...wanted.filter(coin)]
    const [canonical, again] = [wanted, mixed].map((each) =>
      canonicalMask(parseFieldMask(each.join(','), tree))
    )
    assert.equal(again, canonical)
    // Reading the canonical form changes nothing, but where a star stands for all of the own fields.
    if (canonical !== '' && !canonical?.includes('*')) {
      assert.equal(canonicalMask(parseFieldMask(canonical ?? '', tree)), canonical)
    }
  }))
})

test('all fields are no mask; a relation named whole, or not at all, is wanted whole', () => {
  assert.equal(canonicalMask(parseFieldMask('price,name,id', tree)), '')
  assert.equal(canonicalMask(parseFieldMask('id,category.name,category', tree)), 'id')
  assert.equal(canonicalMask(parseFieldMask('id', tree)), 'id')
  assert.deepEqual(parseFieldMask('category.name', tree).own, [])
  assert.deepEqual(parseFieldMask('category.name', tree).relations.get('category')?.own, ['name'])
})

test('unknown names are refused with the place and what can be named there', () => {
  const refused: readonly (readonly [string, string, readonly string[]])[] = [
    ['colour', 'product', ['id', 'name', 'price', 'category']],
    ['id.name', 'product', ['id', 'name', 'price', 'category']],
    ['category.colour', 'product.category', ['id', 'name']],
    ['category.', 'product.category', ['id', 'name']],
    ['id,', 'product', ['id', 'name', 'price', 'category']],
    ['__proto__', 'product', ['id', 'name', 'price', 'category']],
  ]
  for (const [text, place, allowed] of refused) {
    assert.throws(() => parseFieldMask(text, tree), (error: Error & { code: string; extensions: object }) => {
      assert.equal(error.code, 'RESOURCE_FIELD_UNKNOWN')
      assert.ok(error.message.startsWith(`${place} has no field `), error.message)
      assert.deepEqual(error.extensions, { allowed })
      return true
    })
  }
})

test('two spellings of a query have one canonical form, two questions have two', () => {
  const canonical = (query: RawQuery): string => canonicalListQuery(products, query)
  const query = { fields: 'id,name', colour: 'red', 'id[in]': '1,2', expand: 'group,reviews' }
  assert.equal(
    canonical(query),
    canonical({
      expand: 'reviews,group',
      'id[in]': ['2', '1', '1'],
      colour: 'red',
      sort: 'id',
      limit: '5',
      fields: 'name,id',
    })
  )
  const others: readonly RawQuery[] = [
    { ...query, colour: 'blue' },
    { ...query, limit: '6' },
    { ...query, sort: '-id' },
    { ...query, fields: 'id' },
    { ...query, expand: 'group' },
    { ...query, expand: 'group,reviews', fields: 'id,name,group.id' },
    { ...query, cursor: 'x' },
    { ...query, 'id[in]': '1,3' },
  ]
  const forms = new Set([query, ...others].map(canonical))
  assert.equal(forms.size, 9)
  assert.equal(
    canonicalItemQuery(products, {}),
    canonicalItemQuery(products, {
      fields: 'id,name,priceCents,colour,weight,updatedAt,category',
    })
  )
})
