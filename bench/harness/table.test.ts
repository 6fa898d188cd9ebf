import assert from 'node:assert/strict'
import { test } from 'node:test'
import { summarize } from './statistics.ts'
import { renderTable, showCount, showRange } from './table.ts'

test('a table lines up its columns, names left and figures right', () => {
  const text = renderTable({
    title: 'Floor',
    columns: ['subject', 'rps'],
    rows: [['node:http', '70,000'], ['x', '1']],
  })
  assert.equal(
    text,
    [
      '### Floor',
      '',
      '| subject   |    rps |',
      '| --------- | -----: |',
      '| node:http | 70,000 |',
      '| x         |      1 |',
      '',
    ].join('\n')
  )
})

test('a row with too few cells is filled up', () => {
  assert.match(renderTable({ title: '', columns: ['a', 'b'], rows: [['x']] }), /\| x {3}\| {5}\|/)
})

test('a range shows its median and its extremes', () => {
  assert.equal(showRange(summarize([0.9, 1, 1.255])), '1.00 [0.90-1.25]')
  assert.equal(showRange(summarize([12.34]), 1), '12.3 [12.3-12.3]')
})

test('a count has separators and no fraction', () => {
  assert.equal(showCount(1_234_567.8), '1,234,568')
})
