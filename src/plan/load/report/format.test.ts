import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { printable, showBytes, showMs, showPerSecond, showShare } from './format.ts'

test('times are written in three digits, in milliseconds below a second', () => {
  assert.deepEqual([0, 0.001, 0.8767, 12.345, 999, 999.7, 12_340, NaN, Infinity].map(showMs), [
    '0ms',
    '0.01ms',
    '0.877ms',
    '12.3ms',
    '999ms',
    '1s',
    '12.3s',
    '-',
    '-',
  ])
})

test('a share that only comes near all or nothing does not look like it', () => {
  assert.deepEqual([0, 0.00001, 0.005, 0.98251, 0.99999, 1].map(showShare), [
    '0%',
    '<0.01%',
    '0.5%',
    '98.25%',
    '>99.99%',
    '100%',
  ])
})

test('bytes and rates are written in a few digits', () => {
  assert.deepEqual([0, 999, 1_000, 1_234_567, 5e15].map(showBytes), [
    '0 B',
    '999 B',
    '1 kB',
    '1.23 MB',
    '5000 TB',
  ])
  assert.deepEqual([0.5, 48.31, 1_204.4, NaN].map(showPerSecond), ['0.5/s', '48.3/s', '1204/s', '-'])
})

test('any time fits its column of the table', () => {
  fc.assert(fc.property(fc.double({ min: 0, max: 3.6e6, noNaN: true }), (ms) => showMs(ms).length <= 8))
})

test('nothing that steers a terminal is written', () => {
  assert.equal(printable('a\u001b[2J\u009b31mb\r\nc'), 'a [2J 31mb c')
})
