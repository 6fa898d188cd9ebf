import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LoadProgress } from '../../plan/load/index.ts'
import type { Surroundings } from '../surroundings.ts'
import { progressTeller } from './progress.ts'

/** Progress after so many seconds of 10. */
function progressAt (seconds: number, changes: Partial<LoadProgress> = {}): LoadProgress {
  return {
    elapsedMs: seconds * 1_000,
    plannedMs: 10_000,
    phase: '200/s',
    interval: {
      atMs: (seconds - 1) * 1_000,
      durationMs: 1_000,
      due: 200,
      answered: 198,
      expected: 190,
      failed: 8,
      inFlight: 2,
      openConnections: 4,
      p50Ms: 1.5,
      p99Ms: 20,
      lagP99Ms: 0.05,
    },
    totals: { due: 600, answered: 590, expected: 577, failed: 23, dropped: 0 },
    failures: { timeout: 3, 503: 20 },
    ...changes,
  }
}

function written (isTTY: boolean, columns = 100): Surroundings & { readonly text: () => string } {
  let text = ''
  const stderr = { isTTY, columns, write: (chunk: string) => text += chunk }
  return {
    stdout: stderr,
    stderr,
    env: {},
    directory: '/',
    version: '0',
    watchInterrupts: () => assert.fail(),
    text: () => text,
  }
}

// oxlint-disable-next-line no-control-regex -- what a terminal is steered by
const plain = (text: string): string => text.replaceAll(/\u001b\[[\d;]*[A-Za-z]/g, '')

test('on a terminal one block is redrawn over the last one, and taken away at the end', () => {
  const surroundings = written(true)
  const tell = progressTeller(false, surroundings)
  tell(progressAt(3))
  const first = surroundings.text()
  const height = first.split('\n').length - 1
  tell(progressAt(4))
  assert.ok(surroundings.text().slice(first.length).startsWith(`\u001b[${height}A\r\u001b[J`))
  const second = surroundings.text()
  tell.end()
  assert.equal(surroundings.text().slice(second.length), `\u001b[${height}A\r\u001b[J`)
})

test('it says the phase and the time left, rates, in flight, latency, failures by kind, and how late it sends', () => {
  const surroundings = written(true)
  progressTeller(false, surroundings)(progressAt(3))
  const text = plain(surroundings.text())
  assert.match(text, /^━{6}─{14}$/m)
  assert.match(text, /^phase +200\/s, 3s of 10s, 7s left$/m)
  assert.match(text, /^rate +200\/s offered, 198\/s answered, 2 in flight$/m)
  assert.match(text, /^latency +p50 1\.5ms, p99 20ms from the intended start$/m)
  assert.match(text, /^failed +23 of 600 \(503: 20, timeout: 3\)$/m)
  assert.match(text, /^generator +sends 0\.05ms late at p99$/m)
})

test('no line of the block is wider than the terminal, which would break the redrawing', () => {
  const surroundings = written(true, 30)
  progressTeller(false, surroundings)(progressAt(3, { phase: 'a phase with a name that is long' }))
  assert.deepEqual(plain(surroundings.text()).split('\n').filter((line) => line.length >= 30), [])
})

test('elsewhere it is a plain line every five seconds', () => {
  const surroundings = written(false)
  const tell = progressTeller(false, surroundings)
  for (const second of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) tell(progressAt(second))
  tell.end()
  const lines = surroundings.text().trimEnd().split('\n')
  assert.deepEqual(lines.map((line) => /^200\/s, (\d+)s of 10s/.exec(line)?.[1]), ['1', '6'])
  assert.equal(surroundings.text().includes('\u001b'), false)
})

test('with --json nothing is told', () => {
  const surroundings = written(true)
  const tell = progressTeller(true, surroundings)
  tell(progressAt(3))
  tell.end()
  assert.equal(surroundings.text(), '')
})
