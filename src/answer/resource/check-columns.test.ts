import Fastify from 'fastify'
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Type } from 'typebox'
import { cursorKeys } from '../../data/page/index.ts'
import { checkColumns } from './check-columns.ts'
import { defineResource, type Resource, type ResourceOptions } from './definition.ts'
import { type Market, openMarket, products } from './market.fixture.ts'
import { resource } from './resource.ts'

let market: Market

before(async () => {
  market = await openMarket()
  await market.pool.query(`create table loose (id int, code int unique, note text);
    create unique index on loose (id) where id > 0; create view strict as select id, name from category`)
})
after(() => market[Symbol.asyncDispose]())

const schema = Type.Object({ id: Type.Integer(), note: Type.String() })

function loose (options: Partial<ResourceOptions<typeof schema>>): Resource {
  return defineResource({
    name: 'loose',
    path: '/loose',
    schema,
    from: 'loose',
    key: 'id',
    columns: { id: 'code' },
    ...options,
  })
}

test('a declaration that agrees with the database passes, and so does a view, which it knows nothing of', async () => {
  await checkColumns(products, market.pool)
  const view = Type.Object({ id: Type.Integer(), name: Type.String() })
  const options = {
    name: 'strict',
    path: '/strict',
    schema: view,
    from: 'strict',
    key: 'id',
    list: { sort: ['name'] },
  } as const
  await checkColumns(defineResource(options), market.pool)
})

test('a sort column that may be NULL, though the schema denies it, stops the boot', async () => {
  const list = { sort: ['note'] }
  const setting = 'columns.note of loose'
  await assert.rejects(checkColumns(loose({ list }), market.pool), { code: 'SETTING_INVALID', setting })
  await checkColumns(
    loose({ list: { sort: ['id'] }, columns: { id: { sql: 'code', nullable: false } } }),
    market.pool
  )
  await checkColumns(
    loose({ list, columns: { id: { sql: 'code', nullable: false }, note: { nullable: false } } }),
    market.pool
  )
})

test('a key without a unique index over all rows stops the boot', async () => {
  const setting = 'columns.id of loose'
  const partial = loose({ columns: { id: { sql: 'id', nullable: true } } })
  await assert.rejects(checkColumns(partial, market.pool), { code: 'SETTING_INVALID', setting })
  await checkColumns(loose({ columns: { id: { sql: 'code', nullable: true } } }), market.pool)
})

test('the app is not ready with a declaration whose SQL is wrong, unless it is told not to look', async () => {
  const wrong = loose({ from: 'nowhere' })
  const cursors = cursorKeys(['a secret that only the tests of resources know'])
  const open = async (check?: boolean): Promise<void> => {
    await using app = Fastify()
    await app.register(
      resource(wrong, { data: market.pool, cursors, ...check === undefined ? {} : { check } })
    )
    await app.ready()
  }
  await assert.rejects(open(), /nowhere/)
  await open(false)
})
