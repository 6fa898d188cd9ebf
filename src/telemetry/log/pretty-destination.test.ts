import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '../../kernel/index.ts'
import { keptLines } from './lines.fixture.ts'
import { createLogger } from './logger.ts'
import { prettyDestination } from './pretty-destination.ts'

const clock = manualClock(Date.UTC(2026, 0, 2, 3, 4, 5, 6))

test('a line shows time, level, message and fields; values are quoted where they could be misread', () => {
  const lines = keptLines()
  const logger = createLogger({ format: 'pretty', name: 'shop', destination: lines, clock })
  logger.warn({ route: '/x', note: 'two words', empty: '', list: [1, 2], trace_id: 'hidden' }, 'slow')
  assert.equal(lines.text(), '03:04:05.006 WARN  slow route=/x note="two words" empty="" list=[1,2]\n')
})

test("an error's stack follows on lines of its own", () => {
  const lines = keptLines()
  const error = Object.assign(new Error('broken'), { stack: 'Error: broken\n    at here' })
  createLogger({ format: 'pretty', destination: lines, clock }).error(error, 'failed')
  assert.equal(lines.text(), '03:04:05.006 ERROR failed\n    Error: broken\n    at here\n')
})

test('what is not a line of ours passes as it is', () => {
  const lines = keptLines()
  const pretty = prettyDestination(lines, { color: true })
  for (const line of ['plain text\n', '{"no":"level"}\n', '5\n', 'null\n']) pretty.write(line)
  assert.equal(lines.text(), 'plain text\n{"no":"level"}\n5\nnull\n')
})

test('control characters in fields do not reach the terminal', () => {
  const lines = keptLines()
  const logger = createLogger({ format: 'pretty', destination: lines, clock })
  logger.info({ agent: '\u009b2Jx' }, 'a\u001b[2J\nb')
  assert.equal(lines.text(), '03:04:05.006 INFO  a\\u001b[2J\\nb agent=\\u009b2Jx\n')
})
