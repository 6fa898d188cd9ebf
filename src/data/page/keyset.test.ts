import fc from 'fast-check'
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { type TestDatabase, testDatabase } from '../../engines/embedded/embedded.fixture.ts'
import { type Keyset, keyset, type KeysetOptions, type Page, type PageRequest } from './keyset.ts'
import {
  inOrder,
  insert,
  keys,
  type ShelfRow,
  shelfRow,
  shelfTable,
  type SortPlan,
  sortPlan,
} from './shelf.fixture.ts'

let database: TestDatabase
let pool: pg.Pool

before(async () => {
  database = await testDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 2 })
  await pool.query(shelfTable)
})

after(async () => {
  await pool.end()
  await database.close()
})

interface IdRow {
  readonly id: number
}

function listBy ({ columns, keyDirection }: SortPlan): Keyset {
  const key = { column: 'id', type: 'int', direction: keyDirection }
  return keyset({ list: 'shelf', version: '1', columns, key, cursors: keys })
}

async function read (list: Keyset, request: PageRequest): Promise<Page<IdRow>> {
  return list.page(request, async ({ where, orderBy, limit, key }) => {
    const text = `select id, ${key} from shelf where ${where.text()} order by ${orderBy} limit ${limit}`
    return (await pool.query<IdRow>(text, [...where.values])).rows
  })
}

async function fill (rows: readonly Omit<ShelfRow, 'id'>[]): Promise<ShelfRow[]> {
  const shelf = rows.map((row, at) => ({ id: at * 10, ...row }))
  await pool.query('truncate shelf')
  await insert(pool, shelf)
  return shelf
}

const idsOf = (rows: readonly IdRow[]): number[] => rows.map(({ id }) => id)

/** All pages on one way from a cursor, each as its ids. Every page but the last one is full. */
async function walk (
  list: Keyset,
  limit: number,
  way: 'next' | 'previous',
  from?: string | null
): Promise<{ pages: number[][]; last: Page<IdRow> }> {
  const pages: number[][] = []
  let cursor = from ?? undefined
  for (;;) {
    const page = await read(list, { limit, cursor })
    pages.push(idsOf(page.items))
    const following = page[way]
    if (following === null) return { pages, last: page }
    assert.equal(page.items.length, limit)
    cursor = following
  }
}

test('walking all pages forwards, and then backwards, meets every row exactly once, in order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(shelfRow, { maxLength: 24 }),
      sortPlan,
      fc.integer({ min: 1, max: 6 }),
      async (rows, plan, limit) => {
        const expected = idsOf(inOrder(await fill(rows), plan))
        const list = listBy(plan)
        const there = await walk(list, limit, 'next')
        assert.deepEqual(there.pages.flat(), expected)
        if (there.last.previous === null) return assert.ok(expected.length <= limit)
        const { pages } = await walk(list, limit, 'previous', there.last.previous)
        assert.deepEqual([...pages.toReversed().flat(), ...idsOf(there.last.items)], expected)
      }
    ),
    { numRuns: 150 }
  )
})

const change = fc.record({
  remove: fc.array(fc.nat(40), { maxLength: 3 }),
  add: fc.array(fc.tuple(fc.integer({ min: 1, max: 399 }), shelfRow), { maxLength: 3 }),
})

test('rows that stay are seen exactly once, in order, while others come and go between pages', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(shelfRow, { minLength: 4, maxLength: 20 }),
      sortPlan,
      fc.integer({ min: 1, max: 4 }),
      fc.array(change, { maxLength: 6 }),
      fc.constantFrom('next' as const, 'previous' as const),
      async (rows, plan, limit, changes, way) => {
        const shelf = new Map((await fill(rows)).map((row) => [row.id, row]))
        const staying = new Set(shelf.keys())
        const list = listBy(plan)
        let cursor: string | undefined
        if (way === 'previous') {
          const { last } = await walk(list, 1, 'next')
          cursor = last.previous ?? undefined
          staying.delete(last.items[0]?.id ?? -1)
        }
        const seen: number[] = []
        for (let turn = 0;; turn++) {
          const page = await read(list, { limit, cursor })
          seen.push(...way === 'next' ? idsOf(page.items) : idsOf(page.items).toReversed())
          const following = page[way]
          if (following === null) break
          cursor = following
          await disturb(changes[turn], shelf, staying)
        }
        const met = seen.filter((id) => staying.has(id))
        const kept = idsOf(inOrder([...staying].map((id) => shelf.get(id)!), plan))
        assert.deepEqual(met, way === 'next' ? kept : kept.toReversed())
        assert.equal(new Set(seen).size, seen.length)
      }
    ),
    { numRuns: 100 }
  )
})

async function disturb (
  change: { remove: number[]; add: [number, Omit<ShelfRow, 'id'>][] } | undefined,
  shelf: Map<number, ShelfRow>,
  staying: Set<number>
): Promise<void> {
  if (change === undefined) return
  const gone = change.remove.map((at) => [...shelf.keys()][at]).filter((id) => id !== undefined)
  await pool.query('delete from shelf where id = any($1)', [gone])
  for (const id of gone) {
    shelf.delete(id)
    staying.delete(id)
  }
  const added = new Map(
    change.add.filter(([id]) => id % 10 !== 0 && !shelf.has(id)).map(([id, row]) => [id, { id, ...row }])
  )
  await insert(pool, [...added.values()])
  for (const [id, row] of added) shelf.set(id, row)
}

const byMoment: SortPlan = {
  columns: [{ column: 'moment', type: 'timestamptz', nulls: 'first' }],
  keyDirection: 'asc',
}

async function fillMoments (moments: readonly (string | null)[]): Promise<void> {
  const [row] = fc.sample(shelfRow, { numRuns: 1, seed: 1 })
  await fill(moments.map((moment) => ({ ...row!, moment })))
}

test('rows a microsecond apart, before Christ and at infinity keep their places, whatever session reads them', async () => {
  await fillMoments([
    '-infinity',
    '0044-03-15 12:00:00.000001+00 BC',
    '1883-11-18 12:00:00.5-07:52:58',
    '2026-01-02 00:00:00.000001+00',
    '2026-01-02 00:00:00.000002+00',
    'infinity',
  ])
  const options = '-c datestyle=SQL,DMY -c timezone=Asia/Kathmandu'
  const pools = [pool, new pg.Pool({ connectionString: database.url, options })]
  try {
    const seen: number[] = []
    let cursor: string | undefined
    for (let turn = 0; turn < 6; turn++) {
      pool = pools[turn % 2]!
      const page = await read(listBy(byMoment), { limit: 1, cursor })
      seen.push(...idsOf(page.items))
      cursor = page.next ?? undefined
    }
    assert.deepEqual(seen, [0, 10, 20, 30, 40, 50])
  } finally {
    pool = pools[0]!
    await pools[1]?.end()
  }
})

test('what stands behind a unique key decides nothing and is left out; the rest of a key is added', async () => {
  const orderOf = async (key: KeysetOptions['key'], ...columns: string[]): Promise<string> => {
    const typed = columns.map((column) => ({ column, type: 'int', nulls: 'never' as const }))
    let text = ''
    await keyset({ list: 'l', version: '1', columns: typed, key, cursors: keys }).page(
      {},
      async ({ orderBy }) => {
        text = orderBy
        return []
      }
    )
    return text
  }
  const both = [{ column: 'a', type: 'int' }, { column: 'b', type: 'int', direction: 'desc' }] as const
  assert.equal(await orderOf({ column: 'id', type: 'int' }, 'x', 'id', 'y'), 'x asc, id asc')
  assert.equal(await orderOf(both, 'b', 'x'), 'b asc, x asc, a asc')
  assert.equal(await orderOf(both, 'b', 'a', 'x'), 'b asc, a asc')
  assert.equal(await orderOf(both), 'a asc, b desc')
})

test('a page that has become empty leads back to the rows before it, and forwards again', async () => {
  await fillMoments(['2026-01-01Z', '2026-01-02Z', '2026-01-03Z'])
  const list = listBy(byMoment)
  const first = await read(list, { limit: 2 })
  await pool.query('delete from shelf where id = 20')
  const empty = await read(list, { limit: 2, cursor: first.next ?? undefined })
  assert.deepEqual([empty.items, empty.next], [[], null])
  const back = await read(list, { limit: 2, cursor: empty.previous ?? undefined })
  assert.deepEqual([idsOf(back.items), back.previous], [[0, 10], null])
  await pool.query('delete from shelf')
  const nothing = await read(list, { limit: 2, cursor: empty.previous ?? undefined })
  assert.deepEqual([nothing.items, nothing.previous], [[], null])
  await fillMoments(['2026-01-01Z', '2026-01-02Z', '2026-01-03Z'])
  assert.deepEqual(idsOf((await read(list, { limit: 2, cursor: nothing.next ?? undefined })).items), [20])
})

test('the number of items is clamped to the maximum; none, less than one and halves are handled', async () => {
  await fillMoments(Array.from({ length: 130 }, () => null))
  const list = listBy(byMoment)
  const sizeOf = async (limit?: number): Promise<number[]> => {
    const page = await read(list, { limit })
    return [page.items.length, page.limit]
  }
  assert.deepEqual(await sizeOf(), [20, 20])
  assert.deepEqual(await sizeOf(1_000_000), [100, 100])
  for (const limit of [0, -1, 1.5, NaN, Infinity]) {
    await assert.rejects(read(list, { limit }), { code: 'PAGE_SIZE_INVALID', statusCode: 400 })
  }
})

test('rows come back without their $key, as objects and as arrays', async () => {
  await fillMoments([null])
  const list = listBy(byMoment)
  assert.deepEqual((await read(list, {})).items, [{ id: 0 }])
  const { items } = await list.page(
    {},
    async ({ key }) =>
      (await pool.query<unknown[]>({ text: `select id, ${key} from shelf`, rowMode: 'array' })).rows
  )
  assert.deepEqual(items, [[0]])
})

test('a statement without the $key, and a key that is not unique, are errors that say so', async () => {
  const list = listBy(byMoment)
  await assert.rejects(list.page({}, async () => [{ id: 1 }]), { code: 'KEYSET_ROW', reason: 'key-missing' })
  await assert.rejects(list.page({}, async () => [[1]]), { code: 'KEYSET_ROW', reason: 'key-missing' })
  const twins = [{ id: 1, $key: '["1"]' }, { id: 2, $key: '["1"]' }]
  await assert.rejects(list.page({}, async () => twins), { code: 'KEYSET_ROW', reason: 'key-not-unique' })
})

test('wrong declarations stop the boot and name what is wrong', () => {
  const good = { list: 'shelf', version: '1', key: { column: 'id', type: 'int' }, cursors: keys }
  const wrong: readonly (readonly [object, string])[] = [
    [{ key: [] }, 'key'],
    [{ key: { column: ' ', type: 'int' } }, 'column'],
    [{ key: { column: 'id', type: 'int); drop table shelf; --' } }, 'type of id'],
    [{ columns: [{ column: 'day', type: 'date', direction: 'up' }] }, 'direction of day'],
    [{ columns: [{ column: 'day', type: 'date', nulls: 'maybe' }] }, 'nulls of day'],
    [{ maxLimit: 0 }, 'maxLimit'],
    [{ maxLimit: 10, defaultLimit: 20 }, 'defaultLimit'],
  ]
  for (const [options, setting] of wrong) {
    assert.throws(() => keyset({ ...good, ...options }), { code: 'SETTING_INVALID', setting })
  }
})
