import swagger from '@fastify/swagger'
import Fastify from 'fastify'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pool } from 'pg'
import { cursorKeys } from '../../data/page/index.ts'
import { products } from './market.fixture.ts'
import { resource } from './resource.ts'

interface Operation {
  readonly parameters: readonly {
    readonly name: string
    readonly in: string
    readonly required?: boolean
    readonly description?: string
    readonly schema: Record<string, unknown>
  }[]
  readonly responses: Record<string, {
    readonly headers?: object
    readonly content: Record<string, { readonly schema: Record<string, never> }>
  }>
}

async function documented (): Promise<Record<string, { get: Operation }>> {
  await using app = Fastify()
  await app.register(swagger, { openapi: { openapi: '3.1.0', info: { title: 'market', version: '1' } } })
  const cursors = cursorKeys(['a secret that only the tests of resources know'])
  await app.register(resource(products, { data: {} as Pool, cursors, check: false }))
  await app.ready()
  return JSON.parse(JSON.stringify(app.swagger())).paths
}

test('the API document has each parameter with its type, bounds and choices', async () => {
  const paths = await documented()
  const parameters = new Map(paths['/products']?.get.parameters.map((each) => [each.name, each]))
  assert.deepEqual([...parameters.keys()].slice(0, 7), [
    'limit',
    'cursor',
    'sort',
    'fields',
    'expand',
    'id[in]',
    'id[ne]',
  ])
  assert.equal(parameters.size, 5 + 20)
  assert.deepEqual(parameters.get('limit')?.schema, { type: 'integer', minimum: 1, maximum: 50, default: 5 })
  assert.deepEqual(parameters.get('sort')?.schema['enum'], [...products.orders.keys()])
  assert.deepEqual(parameters.get('priceCents[gte]')?.schema, { type: 'integer' })
  assert.deepEqual(parameters.get('weight[gte]')?.schema, { type: 'number' })
  assert.deepEqual(parameters.get('weight[null]')?.schema, { type: 'boolean' })
  assert.deepEqual(parameters.get('updatedAt[lt]')?.schema, { type: 'string', format: 'date-time' })
  assert.equal(parameters.get('name')?.description, 'As customers see it')
  assert.deepEqual(
    paths['/products/{id}']?.get.parameters.filter((each) => each.in === 'path').map(({ schema }) => schema),
    [{
      type: 'integer',
    }]
  )
})

test('the API document has the page, its neighbours, and what expansions add, to the depth that is allowed', async () => {
  const paths = await documented()
  const response = paths['/products']?.get.responses['200']
  const page = JSON.parse(JSON.stringify(response?.content['application/json']?.schema))
  assert.deepEqual(page.required, ['items', 'next', 'previous'])
  const { properties, required } = page.properties.items.items
  assert.equal(required, undefined)
  assert.deepEqual(Object.keys(properties), [
    'id',
    'name',
    'priceCents',
    'colour',
    'weight',
    'updatedAt',
    'category',
    'group',
    'reviews',
  ])
  assert.deepEqual(properties.weight.type, ['number', 'null'])
  assert.deepEqual(properties.group.type, ['object', 'null'])
  assert.deepEqual(Object.keys(properties.group.properties), ['id', 'name'])
  assert.deepEqual(Object.keys(properties.reviews.properties), ['items', 'more'])
  assert.deepEqual(Object.keys(response?.headers ?? {}), ['link'])
})
