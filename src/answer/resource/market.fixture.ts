import Fastify, { type FastifyInstance } from 'fastify'
import pg from 'pg'
import { Type } from 'typebox'
import { cursorKeys, sql } from '../../data/page/index.ts'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { Problem } from '../../kernel/index.ts'
import { defineResource, type Resource } from './definition.ts'
import { many, one } from './relation.ts'
import { resource } from './resource.ts'

export const categories: Resource = defineResource({
  name: 'category',
  path: '/categories',
  schema: Type.Object({ id: Type.Integer(), name: Type.String() }),
  from: 'category',
  key: 'id',
  expand: { products: many(() => products, { by: 'categoryId', limit: 3, sort: '-priceCents' }) },
  scope: ({ headers }) => 'x-hidden' in headers ? sql`category.id <> ${headers['x-hidden']}` : undefined,
})

export const products: Resource = defineResource({
  name: 'product',
  path: '/products',
  schema: Type.Object({
    id: Type.Integer(),
    name: Type.String({ description: 'As customers see it' }),
    priceCents: Type.Integer(),
    colour: Type.Union([Type.Literal('red'), Type.Literal('blue')]),
    weight: Type.Union([Type.Number(), Type.Null()]),
    updatedAt: Type.Unsafe<Date>({ type: 'string', format: 'date-time' }),
    category: Type.Optional(Type.String()),
  }),
  from: 'product left join category on category.id = product.category_id',
  columns: {
    id: { sql: 'product.id', type: 'int' },
    name: 'product.name',
    colour: { type: 'colour' },
    category: 'category.name',
    categoryId: { sql: 'product.category_id', type: 'int' },
    secret: { sql: 'product.secret', nullable: false },
    currency: { type: 'char(3)' },
  },
  key: 'id',
  revision: 'product.updated_at',
  list: {
    sort: ['id', 'priceCents', '-updatedAt', 'weight,-priceCents', 'name', 'category'],
    filter: {
      id: ['in', 'ne'],
      priceCents: ['eq', 'gt', 'gte', 'lt', 'lte'],
      colour: ['eq', 'in'],
      weight: ['gte', 'null'],
      updatedAt: ['gte', 'lt'],
      name: ['eq', 'in'],
      category: ['eq'],
      categoryId: ['eq', 'null'],
      currency: ['eq', 'in'],
    },
    page: { default: 5, max: 50 },
  },
  expand: {
    group: one(() => categories, { by: 'categoryId' }),
    reviews: many(() => reviews, { by: 'productId', limit: 2 }),
  },
  limits: { cost: 140, depth: 3, values: 20 },
})

export const reviews: Resource = defineResource({
  name: 'review',
  path: '/reviews',
  schema: Type.Object({ id: Type.String(), stars: Type.Integer(), tenant: Type.String() }),
  from: 'review',
  columns: { id: { type: 'bigint' }, productId: { type: 'int', nullable: false } },
  key: 'id',
  expand: { product: one(() => products, { by: 'productId' }) },
  scope: (request) => {
    const tenant = request.headers['x-tenant']
    return tenant === undefined ? undefined : sql`review.tenant = ${tenant}`
  },
})

export interface Market extends AsyncDisposable {
  readonly app: FastifyInstance
  readonly pool: pg.Pool
  /** Texts of the statements that were run since it was last emptied. */
  readonly statements: string[]
}

/** 60 products in 3 categories (every tenth in none), with up to 4 reviews each. */
export async function openMarket (): Promise<Market> {
  const database: TestDatabase = await testDatabase()
  const pool = new pg.Pool({ connectionString: database.url, max: 4 })
  await pool.query(tables)
  const statements: string[] = []
  const data = {
    query (config: { text: string } | string, values?: unknown[]) {
      statements.push(typeof config === 'string' ? config : config.text)
      return pool.query(config as string, values)
    },
  } as unknown as pg.Pool
  const app = Fastify()
  app.setErrorHandler((error, _request, reply) => {
    const problem = error instanceof Problem ? error : undefined
    return reply.code(problem?.statusCode ?? 500).send(
      problem?.toDocument() ?? { code: 'CRASH', error: String(error) }
    )
  })
  const cursors = cursorKeys(['a secret that only the tests of resources know'])
  for (const each of [products, categories, reviews]) await app.register(resource(each, { data, cursors }))
  await app.ready()
  statements.length = 0
  return {
    app,
    pool,
    statements,
    async [Symbol.asyncDispose] () {
      await app.close()
      await pool.end()
      await database.close()
    },
  }
}

const tables = `
  create type colour as enum ('red', 'blue');
  create table category (id int primary key, name text not null);
  create table product (id int primary key, name varchar(50) not null, price_cents int not null, colour colour not null,
    weight numeric, updated_at timestamptz not null, category_id int references category, secret text not null default 's',
    currency char(3) not null default 'EUR');
  create table review (id bigint primary key, product_id int not null references product, stars int not null, tenant text not null);
  insert into category select n, 'category ' || n from generate_series(1, 3) as n;
  insert into product select n, 'product ' || n, n * 7 % 20 * 100, (array['red', 'blue'])[1 + n % 2]::colour,
    case when n % 4 > 0 then n % 5 + 0.25 end, timestamptz '2026-01-01Z' + n * interval '1 microsecond',
    case when n % 10 > 0 then 1 + n % 3 end from generate_series(1, 60) as n;
  insert into review select 9007199254740992 + n * 10 + m, n, m, (array['acme', 'umbrella'])[1 + m % 2]
    from generate_series(1, 60) as n, generate_series(1, n % 5) as m;
  create index on product (price_cents, id);
  create index on review (product_id, id);
  analyze`
