import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock, SettingError } from '../../kernel/index.ts'
import { calmLogger } from './calm-logger.ts'
import { keptLines, type Lines } from './lines.fixture.ts'
import { createLogger, type Logger } from './logger.ts'

const away = (): Error => Object.assign(new Error('connect ECONNREFUSED'), { code: 'DATABASE_LOST' })

function calmed (): { logger: Logger; lines: Lines; clock: ReturnType<typeof manualClock> } {
  const lines = keptLines()
  const clock = manualClock()
  const plain = createLogger({ destination: lines, bindings: { worker: 1 } })
  return { logger: calmLogger(plain, { everyMs: 1_000, clock }), lines, clock }
}

const said = (lines: Lines): unknown[] => lines.objects().map(({ level, msg }) => `${level} ${msg}`)

test('the same failure is told once in its time, and then with how many were left out', () => {
  const { logger, lines, clock } = calmed()
  for (let at = 0; at < 1_000; at += 100) {
    logger.warn({ err: away(), tier: 'within-5s' }, 'jobs cannot be taken')
    clock.advance(100)
  }
  assert.equal(lines.objects().length, 1)
  assert.equal(lines.objects()[0]!['left_out'], undefined)
  logger.warn({ err: away(), tier: 'within-5s' }, 'jobs cannot be taken')
  assert.equal(lines.objects()[1]!['left_out'], 9)
  assert.equal(lines.objects()[1]!['worker'], 1)
})

test('another message, field or error is another failure', () => {
  const { logger, lines } = calmed()
  logger.warn({ err: away(), tier: 'within-5s' }, 'jobs cannot be taken')
  logger.warn({ err: away(), tier: 'within-1m' }, 'jobs cannot be taken')
  logger.error({ err: away(), tier: 'within-1m' }, 'upkeep failed')
  logger.error({ err: new Error('one'), tier: 'within-1m' }, 'upkeep failed')
  logger.error({ err: new Error('two'), tier: 'within-1m' }, 'upkeep failed')
  assert.equal(lines.objects().length, 5)
})

test('what is no failure is written as it comes, as is what a child writes', () => {
  const { logger, lines } = calmed()
  for (let time = 0; time < 2; time++) {
    logger.warn({ jobs: 1 }, 'jobs wait again')
    logger.error('in words: %s', 'alone')
    logger.info({ err: away() }, 'for the record')
    logger.child({ job: 'order.charge' }).warn({ err: away() }, 'job failed')
  }
  const once = ['warn jobs wait again', 'error in words: alone', 'info for the record', 'warn job failed']
  assert.deepEqual(said(lines), [...once, ...once])
  assert.equal(lines.objects()[3]!['job'], 'order.charge')
})

test('what is remembered has a bound', () => {
  const { logger, lines } = calmed()
  const tell = (id: number): void => logger.warn({ err: away(), id }, 'an event could not be handled')
  for (let id = 0; id <= 500; id++) tell(id)
  tell(500)
  tell(0)
  assert.deepEqual(lines.objects().slice(500).map(({ id }) => id), [500, 0])
})

test('a time of nothing is refused', () => {
  assert.throws(() => calmLogger(createLogger({ level: 'silent' }), { everyMs: 0 }), SettingError)
})
