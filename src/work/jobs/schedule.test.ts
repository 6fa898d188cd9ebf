import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from 'typebox'
import { defineJob } from './define-job.ts'
import { type MissedRuns, schedule, type ScheduleOptions } from './schedule.ts'
import { dueRuns } from './scheduler.ts'

const report = defineJob('report.make', { input: Type.Object({ day: Type.String() }), async run () {} })

function times (pattern: string, from: string, count: number, options: ScheduleOptions = {}): string[] {
  const { nextAfter } = schedule(pattern, report, { day: 'x' }, options)
  const found: string[] = []
  let at: Date | undefined = new Date(from)
  while (found.length < count && (at = nextAfter(at)) !== undefined) found.push(at.toISOString())
  return found
}

test('times are of the zone that is named: three in the morning stays three when the clocks change', () => {
  assert.deepEqual(times('0 3 * * *', '2026-03-27T12:00:00Z', 3, { timeZone: 'Europe/Berlin' }), [
    '2026-03-28T02:00:00.000Z',
    '2026-03-29T01:00:00.000Z',
    '2026-03-30T01:00:00.000Z',
  ])
  assert.deepEqual(times('0 3 * * *', '2026-03-28T12:00:00Z', 1), ['2026-03-29T03:00:00.000Z'])
})

test('a time that there is not runs right after the gap, and one that there is twice runs once', () => {
  assert.deepEqual(times('30 2 * * *', '2026-03-28T12:00:00Z', 2, { timeZone: 'Europe/Berlin' }), [
    '2026-03-29T01:00:00.000Z',
    '2026-03-30T00:30:00.000Z',
  ])
  assert.deepEqual(times('30 2 * * *', '2026-10-24T12:00:00Z', 2, { timeZone: 'Europe/Berlin' }), [
    '2026-10-25T00:30:00.000Z',
    '2026-10-26T01:30:00.000Z',
  ])
})

test('the last times up to a moment include that moment', () => {
  const { latestUntil } = schedule('*/15 * * * *', report, { day: 'x' })
  const latest = latestUntil(new Date('2026-01-01T00:30:00Z'), 3)
  assert.deepEqual(latest.map((at) => at.toISOString()), [
    '2026-01-01T00:00:00.000Z',
    '2026-01-01T00:15:00.000Z',
    '2026-01-01T00:30:00.000Z',
  ])
})

test('a pattern, a zone and a rule that cannot be read are refused with their text', () => {
  for (
    const [pattern, timeZone] of [
      ['61 * * * *', 'UTC'],
      ['0 3 * * *', 'Mars/Olympus'],
      ['0 0 30 2 *', 'UTC'],
      ['', 'UTC'],
    ]
  ) {
    assert.throws(() => schedule(pattern!, report, { day: 'x' }, { timeZone: timeZone! }), {
      code: 'SETTING_INVALID',
      value: `${pattern} ${timeZone}`,
    })
  }
  assert.throws(() => schedule('0 3 * * *', report, { day: 'x' }, { missed: 'some' as never }), {
    code: 'SETTING_INVALID',
  })
})

test('a payload can be made from the time of the run', () => {
  const { inputAt } = schedule('0 3 * * *', report, (at) => ({ day: at.toISOString().slice(0, 10) }))
  assert.deepEqual(inputAt(new Date('2026-02-03T03:00:00Z')), { day: '2026-02-03' })
})

function due (missed: MissedRuns, until: string, now: string): ReturnType<typeof dueRuns> & { at: string[] } {
  const made = dueRuns(schedule('0 * * * *', report, { day: 'x' }, { missed }), {
    until: new Date(`2026-01-01T${until}Z`),
    now: new Date(`2026-01-01T${now}Z`),
  })
  return { ...made, at: made.runs.map((at) => at.toISOString().slice(11, 16)) }
}

test('a run on time is enqueued whatever is said of missed ones', () => {
  for (const rule of ['skip', 'once', 'all'] as const) {
    const { at, missed, until } = due(rule, '09:30:00', '10:00:30')
    assert.deepEqual([at, missed, until?.toISOString()], [['10:00'], 0, '2026-01-01T10:00:00.000Z'])
  }
})

test('of runs that nobody was up for, none, the latest or all are made up for', () => {
  assert.deepEqual(due('skip', '06:30:00', '09:30:00').at, [])
  assert.deepEqual(due('once', '06:30:00', '09:30:00').at, ['09:00'])
  assert.deepEqual(due('all', '06:30:00', '09:30:00').at, ['07:00', '08:00', '09:00'])
  for (const rule of ['skip', 'once', 'all'] as const) {
    const { missed, until } = due(rule, '06:30:00', '09:30:00')
    assert.deepEqual([missed, until?.toISOString()], [3, '2026-01-01T09:00:00.000Z'])
  }
})

test('missed runs and one on time: a run that is due anyway makes up for the missed ones', () => {
  assert.deepEqual(due('skip', '06:30:00', '09:00:20').at, ['09:00'])
  assert.deepEqual(due('once', '06:30:00', '09:00:20').at, ['09:00'])
  assert.deepEqual(due('all', '06:30:00', '09:00:20').at, ['07:00', '08:00', '09:00'])
})

test('after years without a worker a schedule of every second makes up for its last 100 runs only', () => {
  const { runs, missed } = dueRuns(schedule('* * * * * *', report, { day: 'x' }, { missed: 'all' }), {
    until: new Date('2020-01-01T00:00:00Z'),
    now: new Date('2026-01-01T00:00:00Z'),
  })
  assert.equal(runs.length, 100)
  assert.equal(missed, 39)
})
