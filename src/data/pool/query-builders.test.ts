import { eq, sql as drizzleSql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { integer, pgTable, text, timestamp } from 'drizzle-orm/pg-core'
import { type Generated, Kysely, PostgresDialect, sql } from 'kysely'
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import Cursor from 'pg-cursor'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { Deadline } from '../../kernel/index.ts'
import { type TestPool, testPool, workWith } from './pool.fixture.ts'

let database: TestDatabase
let t: TestPool

before(async () => {
  database = await testDatabase()
  t = testPool({ connectionString: database.url, max: 3 })
  await t.pool.query(
    `CREATE TABLE product (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE,
       price int NOT NULL, made timestamptz NOT NULL DEFAULT '2026-01-02T03:04:05Z')`
  )
})
after(async () => {
  await t[Symbol.asyncDispose]()
  await database.close()
})

/** More often than it takes until a text is prepared. */
async function often (run: () => Promise<void>): Promise<void> {
  for (let time = 0; time < 5; time++) await run()
}

async function preparedTexts (): Promise<string[]> {
  const { rows } = await t.pool.query<{ statement: string }>(
    'SELECT statement FROM pg_prepared_statements; -- ;'
  )
  return rows.map(({ statement }) => statement)
}

interface Tables {
  readonly product: { id: Generated<number>; name: string; price: number; made: Generated<Date> }
}

test('Kysely runs on it: selects, writes, transactions, streams, raw SQL; what it repeats is prepared', async () => {
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: t.pool, cursor: Cursor }) })
  const names = Array.from({ length: 5 }, (_, at) => `kysely ${at}`)
  for (const [at, name] of names.entries()) {
    const { id } = await db.insertInto('product').values({ name, price: at }).returning('id')
      .executeTakeFirstOrThrow()
    assert.ok(id > 0)
  }
  await often(async () => {
    const rows = await db.selectFrom('product').select(['name', 'price']).where('price', '>=', 3)
      .where('name', 'like', 'kysely%').orderBy('price').execute()
    assert.deepEqual(rows, [{ name: 'kysely 3', price: 3 }, { name: 'kysely 4', price: 4 }])
  })
  await often(async () => {
    const { numUpdatedRows } = await db.updateTable('product').set({ price: 9 }).where(
      'name',
      '=',
      'kysely 4'
    )
      .executeTakeFirstOrThrow()
    assert.equal(numUpdatedRows, 1n)
  })
  await assert.rejects(
    db.transaction().execute(async (tx) => {
      await tx.deleteFrom('product').where('name', 'like', 'kysely%').execute()
      throw new Error('taken back')
    }),
    /taken back/
  )
  const streamed: string[] = []
  for await (const { name } of db.selectFrom('product').select('name').orderBy('id').stream(2))
    streamed.push(name)
  assert.deepEqual(streamed, names)
  const { rows } = await sql<{ n: number }>`SELECT ${41}::int + 1 AS n`.execute(db)
  assert.deepEqual(rows, [{ n: 42 }])
  assert.ok(
    (await preparedTexts()).some((statement) => statement.startsWith('select "name", "price" from "product"'))
  )
})

const product = pgTable('product', {
  id: integer('id').generatedAlwaysAsIdentity(),
  name: text('name').notNull(),
  price: integer('price').notNull(),
  made: timestamp('made', { withTimezone: true }).notNull().defaultNow(),
})

test('Drizzle runs on it: selects, writes, transactions, its own prepared statements, its own types', async () => {
  const db = drizzle(t.pool)
  for (let at = 0; at < 5; at++) {
    const [row] = await db.insert(product).values({ name: `drizzle ${at}`, price: at }).returning()
    assert.ok(row!.made instanceof Date)
  }
  await often(async () => {
    const rows = await db.select({ price: product.price, made: product.made }).from(product)
      .where(eq(product.name, 'drizzle 2'))
    assert.equal(rows[0]?.price, 2)
    assert.ok(rows[0].made instanceof Date)
  })
  const named = db.select().from(product).where(eq(product.name, drizzleSql.placeholder('name'))).prepare(
    'by_name'
  )
  await often(async () => assert.equal((await named.execute({ name: 'drizzle 3' }))[0]?.price, 3))
  await assert.rejects(db.transaction(async (tx) => {
    await tx.update(product).set({ price: 100 })
    tx.rollback()
  }))
  assert.equal((await db.select().from(product).where(eq(product.name, 'drizzle 1')))[0]?.price, 1)
  const texts = await preparedTexts()
  assert.ok(
    texts.some((statement) =>
      statement.includes('"product"."name" = $1') || statement.includes('"name" = $1')
    )
  )
})

test('plain SQL runs on it, in all forms, and in many requests at once', async () => {
  await often(async () => {
    const { rows } = await t.pool.query('SELECT made FROM product WHERE name = $1', ['kysely 0'])
    assert.ok(rows[0].made instanceof Date)
  })
  const results = await Promise.all(
    Array.from({ length: 200 }, (_, n) =>
      workWith(Deadline.in(20_000)).run(async () => {
        const client = n % 5 === 0 ? await t.pool.connect() : undefined
        const { rows } = await (client ?? t.pool as pg.Pool).query<{ n: number }>('SELECT $1::int AS n', [n])
        client?.release()
        return rows[0]!.n
      }))
  )
  assert.deepEqual(results, Array.from({ length: 200 }, (_, n) => n))
})

test('under each of them a deadline ends the statement', async () => {
  const kysely = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: t.pool }) })
  const orm = drizzle(t.pool)
  const ways: readonly (() => Promise<unknown>)[] = [
    () => t.pool.query('SELECT pg_sleep(3600)'),
    () => sql`SELECT pg_sleep(3600)`.execute(kysely),
    () =>
      orm.execute(drizzleSql`SELECT pg_sleep(3600)`).catch((error: Error) =>
        Promise.reject(error.cause ?? error)
      ),
  ]
  for (const way of ways) {
    await assert.rejects(workWith(Deadline.in(50)).run(way), { code: 'DEADLINE_EXCEEDED' })
  }
})
