import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Context,
  Deadline,
  manualClock,
  newTrace,
  runWithContext,
  seededRandom,
  SettingError,
} from '../../kernel/index.ts'
import { keptLines } from './lines.fixture.ts'
import { createLogger } from './logger.ts'

const clock = manualClock(Date.UTC(2026, 0, 2, 3, 4, 5, 6))
const context: Context = {
  id: 'request-1',
  trace: newTrace(true, seededRandom(1)),
  tenant: undefined,
  criticality: 'normal',
  deadline: Deadline.none,
  signal: Deadline.none.signal,
}

test('a line is one JSON object: level as a word, ISO time, name, bindings, fields and message', () => {
  const lines = keptLines()
  createLogger({ name: 'shop', bindings: { worker: '1' }, destination: lines, clock }).info(
    { order: 7 },
    'placed'
  )
  assert.equal(
    lines.text(),
    '{"level":"info","time":"2026-01-02T03:04:05.006Z","name":"shop","worker":"1",' +
      '"order":7,"msg":"placed"}\n'
  )
})

test('while a unit of work runs its lines name request, trace and span, over awaits too', async () => {
  const lines = keptLines()
  const logger = createLogger({ destination: lines })
  logger.info('before')
  await runWithContext(context, async () => {
    await Promise.resolve()
    logger.info('within')
    logger.child({ part: 'x' }).info({ request_id: 'given' }, 'given wins')
  })
  const [before, within, given] = lines.objects()
  assert.equal(before !== undefined && 'request_id' in before, false)
  assert.deepEqual([within?.['request_id'], within?.['trace_id'], within?.['span_id']], [
    'request-1',
    context.trace.traceId,
    context.trace.spanId,
  ])
  assert.deepEqual([given?.['request_id'], given?.['part']], ['given', 'x'])
})

test('an error is logged with type, message and stack', () => {
  const lines = keptLines()
  createLogger({ destination: lines }).error(new RangeError('too far'), 'failed')
  const [line] = lines.objects()
  const error = line?.['err'] as Record<string, unknown>
  assert.deepEqual([line?.['msg'], error['type'], error['message']], ['failed', 'RangeError', 'too far'])
  assert.match(String(error['stack']), /^RangeError: too far\n/)
})

test('lines below the level are not written', () => {
  const lines = keptLines()
  const logger = createLogger({ level: 'warn', destination: lines })
  logger.info('no')
  logger.warn('yes')
  createLogger({ level: 'silent', destination: lines }).fatal('no')
  assert.deepEqual(lines.objects().map(({ msg }) => msg), ['yes'])
})

test('a level that there is none of is refused, and the message names them', () => {
  assert.throws(
    () => createLogger({ level: 'verbose' as never }),
    new SettingError('log.level', 'one of trace, debug, info, warn, error, fatal, silent', 'verbose')
  )
})

test('"auto" writes for people on a terminal and for machines elsewhere', () => {
  const [terminal, file] = [keptLines(true), keptLines(false)]
  for (const destination of [terminal, file])
    createLogger({ format: 'auto', destination, clock }).info('hello')
  assert.equal(terminal.text(), '03:04:05.006 \u001b[32mINFO \u001b[0m hello\n')
  assert.equal(file.objects()[0]?.['msg'], 'hello')
})
