import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom, SettingError } from '../../kernel/index.ts'
import { type AccessEntry, accessLog } from './access-log.ts'
import { keptLines } from './lines.fixture.ts'
import { createLogger } from './logger.ts'

const logger = createLogger({ level: 'silent' })
const entry: AccessEntry = {
  method: 'GET',
  route: '/products/:id',
  status: 200,
  durationMs: 12.3456,
  requestId: 'r1',
  traceId: 't1',
  remoteAddress: '127.0.0.1',
}

test('by default errors of the service and requests of a second and more are wanted, and no others', () => {
  const log = accessLog({ logger })
  assert.deepEqual([
    log.wants(200, 1),
    log.wants(404, 999.9),
    log.wants(499, 1),
    log.wants(500, 1),
    log.wants(503, 0),
    log.wants(200, 1_000),
  ], [false, false, false, true, true, true])
})

test('of the others the sampled share is wanted', () => {
  const log = accessLog({ logger, sampleRatio: 0.25, random: seededRandom(5) })
  const wanted = Array.from({ length: 10_000 }, () => log.wants(200, 1)).filter(Boolean).length
  assert.ok(Math.abs(wanted - 2_500) < 200, `${wanted} of 10,000`)
})

test('an entry has its fields in snake case, a rounded duration, and no query', () => {
  const lines = keptLines()
  accessLog({ logger: createLogger({ destination: lines }) })
    .write({ ...entry, path: '/products/5?token=secret', userAgent: 'curl/8' })
  const { time, ...fields } = lines.objects()[0] ?? {}
  assert.equal(typeof time, 'string')
  assert.deepEqual(fields, {
    level: 'info',
    method: 'GET',
    route: '/products/:id',
    path: '/products/5',
    status: 200,
    duration_ms: 12.346,
    request_id: 'r1',
    trace_id: 't1',
    remote_address: '127.0.0.1',
    user_agent: 'curl/8',
    msg: 'request',
  })
})

test('an error is logged at error, a slow request at warn, a sampled one at info', () => {
  const lines = keptLines()
  const log = accessLog({ logger: createLogger({ destination: lines }), slowMs: 100 })
  for (const change of [{ status: 502 }, { durationMs: 100 }, {}]) log.write({ ...entry, ...change })
  assert.deepEqual(lines.objects().map(({ level }) => level), ['error', 'warn', 'info'])
  assert.equal('user_agent' in (lines.objects()[0] ?? {}), false)
})

test('a share above 1 and a negative duration are refused', () => {
  assert.throws(() => accessLog({ logger, sampleRatio: 2 }), SettingError)
  assert.throws(() => accessLog({ logger, slowMs: -1 }), SettingError)
})

test('what lives long by its nature is not slow, and an error all the same', () => {
  const lines = keptLines()
  const log = accessLog({ logger: createLogger({ destination: lines }) })
  assert.deepEqual([log.wants(200, 5_000, true), log.wants(500, 5_000, true)], [false, true])
  log.write({ ...entry, durationMs: 5_000, livesLong: true })
  assert.equal(lines.objects()[0]!['level'], 'info')
})
