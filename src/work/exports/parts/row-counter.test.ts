import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lastKey } from './last-key.ts'
import { type ExportFormat, RowCounter } from './row-counter.ts'

const cell = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', '\\', ' ', 'é', '€'), maxLength: 8 }),
  fc.string({ unit: 'grapheme', maxLength: 5 }).map((text) => text.replaceAll('\0', ''))
)
/** Of a row: its key, and a text beside it. */
const row = fc.tuple(cell.filter((text) => text !== ''), cell)
const cuts = fc.array(fc.nat({ max: 400 }), { maxLength: 8 })

const writers: Readonly<Record<ExportFormat, (rows: readonly (readonly [string, string])[]) => string>> = {
  ndjson: (rows) => rows.map(([key, text]) => `${JSON.stringify({ 'my key': key, text })}\n`).join(''),
  csv: (rows) => [['my key', 'text'], ...rows].map((row) => `${row.map(quoted).join(',')}\n`).join(''),
}

/** As PostgreSQL writes it, whatever needs quotes and what does not. */
function quoted (text: string): string {
  return /["\n\r,\\]| |^$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

function pieces (whole: Buffer, at: readonly number[]): Buffer[] {
  const edges = [0, ...at.map((cut) => Math.min(cut, whole.length)).toSorted((a, b) => a - b), whole.length]
  return edges.slice(1).map((edge, index) => whole.subarray(edges[index], edge))
}

for (const format of ['ndjson', 'csv'] as const) {
  test(`${format}: rows are counted, and the last key read, wherever pieces are cut`, () => {
    fc.assert(
      fc.property(fc.array(row, { maxLength: 6 }), cuts, fc.boolean(), (rows, cuts, drops) => {
        const whole = Buffer.from(writers[format](rows))
        const counter = new RowCounter(format, drops)
        const passed = Buffer.concat(pieces(whole, cuts).map((piece) => counter.add(piece)))
        assert.equal(counter.rows, rows.length)
        const header = format === 'csv' ? writers.csv([]) : ''
        assert.equal(passed.toString(), drops ? whole.toString().slice(header.length) : whole.toString())
        if (rows.length > 0) assert.deepEqual(lastKey('x', counter, ['my key']), [rows.at(-1)![0]])
      }),
      { numRuns: 300 }
    )
  })
}

test('a key has all its digits, and is found by its name', () => {
  const counter = new RowCounter('ndjson', false)
  counter.add(
    Buffer.from('{"id":9007199254740993,"n":-1.50,"at":"2026-01-02T03:04:05.678901+00:00","ok":true}\n')
  )
  assert.deepEqual(lastKey('x', counter, ['at', 'id', 'n', 'ok']), [
    '2026-01-02T03:04:05.678901+00:00',
    '9007199254740993',
    '-1.50',
    'true',
  ])
})

test('a key that is missing, NULL or no plain value is refused', () => {
  const json = new RowCounter('ndjson', false)
  json.add(Buffer.from('{"a":null,"list":[1]}\n'))
  for (const column of ['a', 'list', 'none']) {
    assert.throws(
      () => lastKey('orders', json, [column]),
      { code: 'EXPORT_KEY_INVALID', retryable: false },
      column
    )
  }
  const csv = new RowCounter('csv', false)
  csv.add(Buffer.from('a,b,"c d"\n1,,""\n'))
  assert.deepEqual(lastKey('orders', csv, ['a', 'c d']), ['1', ''])
  assert.throws(() => lastKey('orders', csv, ['b']), /"b" is NULL/)
  assert.throws(() => lastKey('orders', csv, ['z']), /"z" is not selected/)
})
