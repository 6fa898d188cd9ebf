import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Histogram } from '../histogram/index.ts'
import type { Interval, LoadProgress } from '../report.ts'
import type { ThreadInterval } from './thread-messages.ts'
import { Timeline } from './timeline.ts'

function second (
  endMs: number,
  latencies: readonly number[],
  failures: Record<string, number> = {}
): ThreadInterval {
  const latency = new Histogram()
  for (const each of latencies) latency.record(each)
  const count = latencies.length
  return {
    due: count,
    answered: count,
    expected: count,
    failed: 0,
    dropped: 0,
    failures,
    latency: latency.toData(),
    lag: new Histogram().toData(),
    endMs,
    inFlight: 1,
    openConnections: 2,
  }
}

interface Told {
  readonly interval: Interval
  readonly totals: LoadProgress['totals']
}

function timelineOf (
  threads: number,
  plannedMs = 3_000
): { readonly timeline: Timeline; readonly told: Told[] } {
  const told: Told[] = []
  return {
    timeline: new Timeline(threads, plannedMs, (interval, totals) => told.push({ interval, totals })),
    told,
  }
}

test('a second is told when the last thread has sent its own, with what all of them saw', () => {
  const { timeline, told } = timelineOf(2)
  timeline.add(0, second(1_000, [1, 2]), false)
  assert.equal(told.length, 0)
  timeline.add(1, second(1_004, [3, 100]), false)
  const [{ interval }] = told as [Told]
  assert.deepEqual([interval.atMs, interval.durationMs, interval.answered], [0, 1_004, 4])
  assert.deepEqual([interval.inFlight, interval.openConnections], [2, 4])
  assert.equal(interval.p99Ms, 100)
})

test('a thread that has finished, or is gone, holds nobody up', () => {
  const { timeline, told } = timelineOf(3)
  timeline.leave(2)
  timeline.add(0, second(500, [1]), true)
  timeline.add(1, second(1_000, [1]), false)
  timeline.add(1, second(2_000, [1]), true)
  assert.deepEqual(told.map(({ interval }) => interval.answered), [2, 1])
  assert.deepEqual(told.at(-1)?.totals.answered, 3)
  assert.deepEqual(timeline.finish().map(({ atMs, answered }) => [atMs, answered]), [[0, 2], [1_000, 1]])
})

test('a run of a day has no more than 600 intervals, and none of its requests is missing', () => {
  const { timeline, told } = timelineOf(1, 86_400_000)
  const quiet = second(0, [])
  for (let at = 1; at <= 86_400; at++) {
    const own = at % 100 === 0 ? second(at * 1_000, [5]) : { ...quiet, endMs: at * 1_000 }
    timeline.add(0, own, at === 86_400)
  }
  const intervals = timeline.finish()
  assert.equal(told.length, 86_400)
  assert.equal(intervals.length, 600)
  assert.equal(intervals.reduce((sum, { answered }) => sum + answered, 0), 864)
  assert.deepEqual([intervals.at(-1)?.atMs, intervals.at(-1)?.durationMs], [86_256_000, 144_000])
})
