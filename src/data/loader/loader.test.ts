import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Context,
  Deadline,
  newTrace,
  runWithContext,
  seededRandom,
  withDeadline,
} from '../../kernel/index.ts'
import { loadMany, loadOne } from './loader.ts'

interface Row {
  readonly id: number
  readonly parent: number
}

function unit (): Context {
  return {
    id: 'unit',
    trace: newTrace(false, seededRandom(1)),
    tenant: undefined,
    criticality: 'normal',
    deadline: Deadline.none,
    signal: new AbortController().signal,
  }
}

const rows: readonly Row[] = [{ id: 1, parent: 9 }, { id: 2, parent: 9 }, { id: 3, parent: 8 }]

function byId (calls: (readonly number[])[], options = {}): ReturnType<typeof loadOne<number, Row>> {
  return loadOne(
    async (ids) => {
      calls.push(ids)
      return rows.filter(({ id }) => ids.includes(id)).toReversed()
    },
    ({ id }) => id,
    options
  )
}

test('all that one turn asks for is one call, also what is asked for after a promise has settled', async () => {
  const calls: (readonly number[])[] = []
  const loader = byId(calls)
  const found = await runWithContext(unit(), () =>
    Promise.all([
      loader.load(2),
      loader.load(1),
      loader.load(2),
      Promise.resolve().then(() => loader.load(7)),
    ]))
  assert.deepEqual(found, [rows[1], rows[0], rows[1], undefined])
  assert.deepEqual(calls, [[2, 1, 7]])
})

test('a unit remembers what it has fetched, in all of its parts; another one fetches for itself', async () => {
  const calls: (readonly number[])[] = []
  const loader = byId(calls)
  const first = unit()
  await runWithContext(first, () => loader.load(1))
  await runWithContext(withDeadline(first, Deadline.none), () => loader.loadAll([1, 2]))
  assert.deepEqual(calls, [[1], [2]])
  await runWithContext(unit(), () => loader.load(1))
  assert.deepEqual(calls, [[1], [2], [1]])
})

test('units that ask in the same turn do not share a call', async () => {
  const calls: (readonly number[])[] = []
  const loader = byId(calls)
  await Promise.all([1, 2].map((id) => runWithContext(unit(), () => loader.load(id))))
  assert.deepEqual(calls, [[1], [2]])
})

test('what was changed can be forgotten', async () => {
  const calls: (readonly number[])[] = []
  const loader = byId(calls)
  await runWithContext(unit(), async () => {
    await loader.load(1)
    loader.forget(1)
    await loader.load(1)
  })
  assert.deepEqual(calls, [[1], [1]])
})

test('outside of any unit a turn is gathered, and nothing is remembered', async () => {
  const calls: (readonly number[])[] = []
  const loader = byId(calls)
  await Promise.all([loader.load(1), loader.load(2)])
  await loader.load(1)
  assert.deepEqual(calls, [[1, 2], [1]])
})

test('more keys than a call takes are several calls', async () => {
  const calls: (readonly number[])[] = []
  const loader = byId(calls, { batch: 2 })
  await runWithContext(unit(), () => loader.loadAll([1, 2, 3]))
  assert.deepEqual(calls, [[1, 2], [3]])
  assert.throws(() => byId(calls, { batch: 0 }), { code: 'SETTING_INVALID' })
})

test('a failure reaches all who asked, and the next one tries again', async () => {
  let fails = true
  const loader = loadOne(async (ids: readonly number[]) => {
    if (fails) throw new Error('down')
    return rows.filter(({ id }) => ids.includes(id))
  }, ({ id }) => id)
  await runWithContext(unit(), async () => {
    const both = await Promise.allSettled([loader.load(1), loader.load(2)])
    assert.deepEqual(both.map(({ status }) => status), ['rejected', 'rejected'])
    fails = false
    assert.equal(await loader.load(1), rows[0])
  })
})

test('rows are grouped by a key that several have, and keys may be objects', async () => {
  const children = loadMany(
    async (keys: readonly { readonly parent: number }[]) =>
      rows.filter((row) => keys.some(({ parent }) => row.parent === parent)),
    ({ parent }) => ({ parent }),
    { identityOf: ({ parent }) => parent }
  )
  const found = await runWithContext(
    unit(),
    () => children.loadAll([{ parent: 9 }, { parent: 1 }, { parent: 8 }])
  )
  assert.deepEqual(found, [[rows[0], rows[1]], [], [rows[2]]])
})
