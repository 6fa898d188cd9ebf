import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { IndexColumn } from './index-gaps.ts'
import { bestTrial, createIndexText } from './index-proof.ts'

const columns = (...names: string[]): IndexColumn[] => names.map((name) => ({ name, direction: '' }))

test('the index that helps most is the best, and of those that help nearly as much the shortest', () => {
  const best = (...trials: [names: string[], factor: number][]): string | undefined =>
    bestTrial(trials.map(([names, factor]) => ({ columns: columns(...names), factor })))
      ?.columns.map(({ name }) => name).join()
  assert.equal(best([['a', 'b'], 100], [['a'], 96]), 'a')
  assert.equal(best([['a'], 96], [['a', 'b'], 100]), 'a')
  assert.equal(best([['a', 'b'], 100], [['a'], 90]), 'a,b')
  assert.equal(best([['a'], 1.4], [['b'], 0]), undefined)
  assert.equal(best(), undefined)
})

test('names are quoted where they must be, so that the statement can be copied', () => {
  const table = { schema: 'shop', name: 'order', rows: 1, types: {}, distinct: {}, indexes: [] }
  assert.equal(
    createIndexText(table, [{ name: 'the "id"', direction: '' }, { name: 'placed_at', direction: 'DESC' }]),
    'CREATE INDEX ON shop."order" ("the ""id""", placed_at DESC)'
  )
})
