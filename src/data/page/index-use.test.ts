import { Kysely, PostgresDialect, sql as kyselySql } from 'kysely'
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { keyset, type KeysetOptions, type Page, type PageStatement } from './keyset.ts'
import { keys } from './shelf.fixture.ts'

let database: TestDatabase
let pool: pg.Pool

before(async () => {
  database = await testDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 1 })
  await pool.query(`
    create table item (id int primary key, price int not null, made timestamptz not null, sold timestamptz, rank int);
    insert into item select n, n % 5000, timestamptz '2026-01-01Z' + n * interval '1 s',
      case when n % 10 > 0 then timestamptz '2026-01-01Z' + n * interval '1 ms' end, case when n % 10 > 0 then n % 5000 end
    from generate_series(1, 50000) as n;
    create index on item (price, id);
    create index on item (price, made desc, id);
    create index on item (sold, id);
    create index on item (rank nulls first, id desc);
    analyze item`)
})

after(async () => {
  await pool.end()
  await database.close()
})

interface PlanNode {
  readonly 'Node Type': string
  readonly 'Index Cond'?: string
  readonly 'Actual Rows'?: number
  readonly 'Rows Removed by Filter'?: number
  readonly Plans?: readonly PlanNode[]
}

const nodesOf = (plan: PlanNode): PlanNode[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)]

/** Reads a page with a plan of each kind before, and tells how many rows the server looked at. */
async function readExplained (
  options: Partial<KeysetOptions>,
  cursor: string | undefined
): Promise<Explained> {
  const list = keyset({
    list: 'item',
    version: '1',
    key: { column: 'id', type: 'int' },
    cursors: keys,
    ...options,
  })
  let looked = 0
  let statements = 0
  const page = await list.page({ limit: 20, cursor }, async (statement) => {
    statements++
    looked += await plansOf(statement, cursor !== undefined)
    return (await pool.query<{ id: number }>(textOf(statement), [...statement.where.values])).rows
  })
  return { page, looked, statements }
}

interface Explained {
  readonly page: Page<{ id: number }>
  readonly looked: number
  readonly statements: number
}

function textOf ({ where, orderBy, limit, key }: PageStatement): string {
  return `select id, ${key} from item where ${where.text()} order by ${orderBy} limit ${limit}`
}

/**
 * Checks both plans: the generic one, which a prepared statement may end up with, and the one made for the values,
 * which may sort when it expects a handful of rows.
 *
 * @returns how many rows the statement looks at
 */
async function plansOf (statement: PageStatement, isEntered: boolean): Promise<number> {
  const text = textOf(statement)
  const { rows } = await pool.query(`explain (analyze, format json) ${text}`, [...statement.where.values])
  const custom = nodesOf(rows[0]['QUERY PLAN'][0].Plan)
  const prepared = await generic(statement)
  const kinds = prepared.map((node) => node['Node Type'])
  assert.deepEqual(kinds.filter((kind) => !/^(?:Result|Limit|Index (?:Only )?Scan)$/.test(kind)), [], text)
  for (const nodes of isEntered ? [custom, prepared] : []) {
    assert.ok(nodes.some((node) => node['Index Cond'] !== undefined), text)
  }
  return Math.max(...custom.map((node) => (node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0)))
}

async function generic (statement: PageStatement): Promise<PlanNode[]> {
  const client = await pool.connect()
  try {
    await client.query('set plan_cache_mode = force_generic_plan')
    await client.query(`prepare listed as ${textOf(statement)}`)
    const bound = statement.where.values.map((value) => value === null ? 'null' : `'${String(value)}'`).join(
      ', '
    )
    const { rows } = await client.query(
      `explain (format json) execute listed${bound === '' ? '' : `(${bound})`}`
    )
    return nodesOf(rows[0]['QUERY PLAN'][0].Plan)
  } finally {
    await client.query('deallocate all; reset plan_cache_mode')
    client.release()
  }
}

/** Reads pages forwards and back again; the most rows that any page looked at, and statements it ran. */
async function worst (
  options: Partial<KeysetOptions>,
  from: string
): Promise<{ looked: number; statements: number }> {
  const all: Explained[] = []
  for (const way of ['next', 'previous'] as const) {
    let cursor: string | undefined = all.at(-1)?.page[way] ?? await cursorBehind(options, from)
    for (let turn = 0; turn < 4; turn++) {
      all.push(await readExplained(options, cursor))
      cursor = all.at(-1)?.page[way] ?? undefined
      if (cursor === undefined) break
    }
  }
  return {
    looked: Math.max(...all.map(({ looked }) => looked)),
    statements: Math.max(...all.map(({ statements }) => statements)),
  }
}

test('columns of one direction without NULLs: one comparison of rows, which the index is entered by', async () => {
  const columns = [{ column: 'price', type: 'int', nulls: 'never' }] as const
  assert.deepEqual(await worst({ columns }, '["2500","22500"]'), { looked: 21, statements: 1 })
  const down = [{ column: 'price', type: 'int', direction: 'desc', nulls: 'never' }] as const
  assert.deepEqual(await worst({ columns: down }, '["2500","22500"]'), { looked: 21, statements: 1 })
})

test('mixed directions: the index is entered by the first column, and only its ties are looked at in vain', async () => {
  const columns = [
    { column: 'price', type: 'int', nulls: 'never' },
    { column: 'made', type: 'timestamptz', direction: 'desc', nulls: 'never' },
  ] as const
  const { looked, statements } = await worst({
    columns,
    key: { column: 'id', type: 'int', direction: 'asc' },
  }, '["2500","2026-01-01T06:15:00Z","22500"]')
  assert.ok(looked <= 21 + 10, `${looked} rows for a page of 20, where each price has 10`)
  assert.equal(statements, 1)
})

/** A cursor in the middle of a list: behind the row with these values. */
async function cursorBehind (options: Partial<KeysetOptions>, key: string): Promise<string> {
  const list = keyset({
    list: 'item',
    version: '1',
    key: { column: 'id', type: 'int' },
    cursors: keys,
    ...options,
  })
  const { next } = await list.page({ limit: 1 }, async () => [{ $key: key }, { $key: '[]' }])
  return next ?? ''
}

test('a nullable column: two statements where NULLs begin, one everywhere else, each entering the index', async () => {
  const columns = [{ column: 'sold', type: 'timestamptz' }] as const
  assert.deepEqual(await worst({ columns }, '["2026-01-01T00:00:25Z","25001"]'), {
    looked: 21,
    statements: 1,
  })
  const border = await readExplained(
    { columns },
    await cursorBehind({ columns }, '["2026-01-01T00:00:49.99Z","49990"]')
  )
  assert.deepEqual([border.page.items.length, border.statements], [20, 2])
  assert.ok(border.looked <= 42)
  assert.deepEqual(border.page.items.map(({ id }) => id).slice(0, 11), [
    49991,
    49992,
    49993,
    49994,
    49995,
    49996,
    49997,
    49998,
    49999,
    10,
    20,
  ])
  const nulls = await readExplained({ columns }, await cursorBehind({ columns }, '[null,"25000"]'))
  assert.deepEqual([nulls.page.items[0]?.id, nulls.looked, nulls.statements], [25_010, 21, 1])
})

test('NULLs first and a key that runs the other way: the index is entered all the same', async () => {
  const columns = [{ column: 'rank', type: 'int', nulls: 'first' }] as const
  const options = { columns, key: { column: 'id', type: 'int', direction: 'desc' } } as const
  const { looked } = await worst(options, '[null,"25000"]')
  assert.ok(looked <= 42)
  const nulls = await readExplained(options, await cursorBehind(options, '[null,"25000"]'))
  assert.deepEqual([nulls.page.items[0]?.id, nulls.looked, nulls.statements], [24_990, 21, 1])
  const border = await readExplained(options, await cursorBehind(options, '[null,"20"]'))
  assert.deepEqual([border.page.items.slice(0, 2).map(({ id }) => id), border.statements], [[10, 45_001], 2])
  const values = await readExplained(options, await cursorBehind(options, '["2501","32501"]'))
  assert.ok(values.looked <= 31 && values.statements === 1)
  assert.equal(values.page.items[0]?.id, 27_501)
})

test('a page is read through Kysely, whose sql tag takes the fragments as they are', async () => {
  const kysely = new Kysely<{ item: { id: number; price: number } }>({
    dialect: new PostgresDialect({ pool }),
  })
  const list = keyset({
    list: 'item',
    version: '1',
    columns: [{ column: 'price', type: 'int', direction: 'desc', nulls: 'never' }],
    key: { column: 'id', type: 'int' },
    cursors: keys,
  })
  const read = (cursor?: string): Promise<Page<{ id: number; price: number }>> =>
    list.page({ limit: 3, cursor }, ({ where, orderBy, limit, key }) =>
      kysely.selectFrom('item')
        .select(['id', 'price'])
        .select(kyselySql.raw<string>(key) as never)
        .where('price', '<', 4_000)
        .where(kyselySql<boolean>(where.strings, ...where.values))
        .orderBy(kyselySql.raw(orderBy))
        .limit(limit)
        .execute())
  const first = await read()
  assert.deepEqual(first.items.map(({ id }) => id), [48_999, 43_999, 38_999])
  const second = await read(first.next ?? undefined)
  assert.deepEqual(second.items, [{ id: 33_999, price: 3_999 }, { id: 28_999, price: 3_999 }, {
    id: 23_999,
    price: 3_999,
  }])
})
