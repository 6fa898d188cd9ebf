import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SettingError } from '../../kernel/index.ts'
import { Calendar } from './calendar.ts'

const hourMs = 3_600_000

function dayOf (timeZone: string, iso: string): { start: string; hours: number } {
  const { startsAtMs, endsAtMs } = new Calendar('day', timeZone).periodAt(Date.parse(iso))
  return { start: new Date(startsAtMs).toISOString(), hours: (endsAtMs - startsAtMs) / hourMs }
}

test('a day has 23 hours where clocks go forward, and 25 where they go back', () => {
  assert.deepEqual(dayOf('Europe/Berlin', '2026-03-29T12:00:00Z'), {
    start: '2026-03-28T23:00:00.000Z',
    hours: 23,
  })
  assert.deepEqual(dayOf('Europe/Berlin', '2026-10-25T12:00:00Z'), {
    start: '2026-10-24T22:00:00.000Z',
    hours: 25,
  })
  assert.deepEqual(dayOf('UTC', '2026-03-29T12:00:00Z'), { start: '2026-03-29T00:00:00.000Z', hours: 24 })
})

test('a day whose midnight is skipped starts at the jump', () => {
  // Beirut 2022-03-27: 00:00 became 01:00.
  assert.deepEqual(dayOf('Asia/Beirut', '2022-03-27T12:00:00Z'), {
    start: '2022-03-26T22:00:00.000Z',
    hours: 23,
  })
})

test('a day whose midnight comes twice starts at the first', () => {
  // St John's 2010-11-07: 00:01 became 23:01 of the day before.
  const calendar = new Calendar('day', 'America/St_Johns')
  const first = Date.parse('2010-11-07T00:00:00-02:30')
  const { index, startsAtMs, endsAtMs } = calendar.periodAt(first)
  assert.equal(startsAtMs, first)
  assert.equal((endsAtMs - startsAtMs) / hourMs, 25)
  // The wall shows 23:30 of the day before; asked afresh, for a calendar keeps its last period.
  assert.equal(new Calendar('day', 'America/St_Johns').periodAt(first + 30 * 60_000).index, index)
  assert.equal(calendar.periodAt(first - 1).index, index - 1)
})

test('a day that a time zone left out does not exist', () => {
  // Samoa skipped 2011-12-30.
  const calendar = new Calendar('day', 'Pacific/Apia')
  const before = calendar.periodAt(Date.parse('2011-12-30T09:59:59Z'))
  const after = calendar.periodAt(Date.parse('2011-12-30T10:00:00Z'))
  assert.equal(before.endsAtMs, after.startsAtMs)
  assert.equal(after.index - before.index, 2)
})

test('months are those of the time zone', () => {
  const calendar = new Calendar('month', 'Asia/Tokyo')
  const { index, startsAtMs, endsAtMs } = calendar.periodAt(Date.parse('2026-01-31T16:00:00Z'))
  assert.equal(new Date(startsAtMs).toISOString(), '2026-01-31T15:00:00.000Z')
  assert.equal(new Date(endsAtMs).toISOString(), '2026-02-28T15:00:00.000Z')
  assert.equal(calendar.endOf(index), endsAtMs)
  assert.equal(calendar.endOf(index - 1), startsAtMs)
})

test('every instant lies in exactly one period, whose neighbours touch it', () => {
  const zones = [
    'UTC',
    'Europe/Berlin',
    'America/St_Johns',
    'Asia/Beirut',
    'Pacific/Apia',
    'America/Sao_Paulo',
  ]
  fc.assert(
    fc.property(
      fc.constantFrom('day', 'month'),
      fc.constantFrom(...zones),
      fc.integer({ min: Date.UTC(1990, 0), max: Date.UTC(2040, 0) }),
      (unit, timeZone, epochMs) => {
        const calendar = new Calendar(unit, timeZone)
        const period = calendar.periodAt(epochMs)
        assert.ok(period.startsAtMs <= epochMs && epochMs < period.endsAtMs)
        const fresh = new Calendar(unit, timeZone)
        assert.deepEqual(fresh.periodAt(period.startsAtMs), period)
        assert.deepEqual(fresh.periodAt(period.endsAtMs - 1), period)
        const next = fresh.periodAt(period.endsAtMs)
        assert.ok(next.index > period.index)
        assert.equal(next.startsAtMs, period.endsAtMs)
        assert.ok(fresh.periodAt(period.startsAtMs - 1).index < period.index)
      }
    ),
    { numRuns: 150 }
  )
})

test('an unknown time zone is told by name', () => {
  assert.throws(
    () => new Calendar('day', 'Europe/Atlantis', 'limit of GET /a, quota.timeZone'),
    (error) => error instanceof SettingError && error.message.includes('Europe/Atlantis')
  )
})
