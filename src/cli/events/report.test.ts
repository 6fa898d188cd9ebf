import assert from 'node:assert/strict'
import { test } from 'node:test'
import { logStart } from '../../work/events/index.ts'
import { exactJson } from './event-report.ts'
import type { ProjectionBuild } from './projections.ts'
import { type EventsStatus, projectionsAsText, statusAsText } from './report.ts'

const nowMs = Date.parse('2026-11-23T06:00:00Z')
const plain = (_: string, text: string): string => text
const reader = {
  kind: 'relay',
  name: 'nats',
  build: undefined,
  parts: 4,
  position: logStart,
  lagMs: 0,
  savedAtMs: nowMs - 1_000,
} as const
const build: ProjectionBuild = {
  projection: 'best-sellers',
  build: 2,
  version: 1,
  state: 'live',
  position: logStart,
  events: 7,
  difference: undefined,
  failure: undefined,
  startedAtMs: nowMs,
  lagMs: 0,
  objectiveMs: 5_000,
}
const relay = { name: 'nats', processes: 2, parkedKeys: 0, parkedEvents: 0 }
const quiet: EventsStatus = {
  nowMs,
  log: { head: logStart, tail: undefined, oldestAtMs: undefined, latestAtMs: undefined },
  stall: undefined,
  readers: [reader],
  relays: [relay],
  consumers: [],
  projections: [],
}

function status (changes: Partial<EventsStatus>): string {
  return statusAsText({ ...quiet, ...changes }, plain)
}

test('an empty log without readers is told as one', () => {
  assert.match(status({ readers: [], relays: [] }), /^ {2}kept +no event$[^]*^Nobody reads the log\.$/m)
  assert.match(status({}), /^relay nats +- +0\.0\.0 +1s ago +2 processes$/m)
})

test('a relay that nobody runs, and a reader that is far behind and not heard of, are told', () => {
  assert.match(status({ relays: [{ ...relay, processes: 0 }] }), /no process runs it$/m)
  const late = { ...reader, lagMs: 90_000, savedAtMs: nowMs - 90_000 }
  assert.match(status({ readers: [late] }), /^relay nats +1m .*; does anybody work on it\?$/m)
  assert.doesNotMatch(status({ readers: [{ ...late, savedAtMs: nowMs }] }), /anybody/)
  assert.doesNotMatch(status({ readers: [{ ...late, lagMs: 900 }] }), /anybody/)
  assert.match(status({ readers: [{ ...late, lagMs: 900 }] }), /^relay nats +<1s /m)
})

test('a transaction that holds up no event is no stall; a prepared one is named by its identifier', () => {
  const stall = {
    pid: undefined,
    query: 'gid-7',
    state: 'prepared',
    application: '',
    user: 'ann',
    ageMs: 7_200_000,
    held: 2,
  }
  assert.match(
    status({ stall }),
    /^ {2}stall +2 events wait for the prepared transaction gid-7 of ann, whose transaction is open for 2h$/m
  )
  assert.match(status({ stall: { ...stall, held: 0 } }), /^ {2}stall +none$/m)
})

test('a projection beyond its promise, one that is stuck, and one that was never built are told', () => {
  const text = (changes: Partial<ProjectionBuild>): string =>
    projectionsAsText([{ ...build, ...changes }], ['worst'], plain)
  assert.match(text({ lagMs: 61_000 }), /^best-sellers +2 +1 +live +1m +7 +0\.0\.0 +late: it promises 5s$/m)
  assert.doesNotMatch(text({ lagMs: 4_000 }), /late/)
  assert.doesNotMatch(text({ lagMs: 61_000, state: 'building' }), /late/)
  assert.doesNotMatch(text({ lagMs: 61_000, objectiveMs: undefined }), /late/)
  const failure = { event: 'e-1', type: 'product.sold', message: 'no such column\nat' }
  assert.match(text({ failure }), /stuck at event e-1 \(product\.sold\): no such column$/m)
  assert.match(text({}), /^worst +- .*has not been built$/m)
  assert.equal(projectionsAsText([], [], plain), 'No projection has been built.\n')
  assert.match(status({ projections: [build] }), /^projection best-sellers +- +0\.0\.0 +build 2 live$/m)
})

test('numbers of a payload keep their digits', () => {
  const text = '{"a":12345678901234567890,"b":[1.50,-0,1e400],"c":"1.50","d":7}'
  assert.equal(JSON.stringify(exactJson(text)), text)
})
