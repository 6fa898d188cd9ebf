import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { RequestSpec } from '../plan.ts'
import { drive, endings, journey, planOf } from './drive.fixture.ts'
import { nobody, ok, serve } from './subject.fixture.ts'

const answers:
  readonly (readonly [title: string, answer: string, ending: string, request?: Partial<RequestSpec>])[] = [
    ['an answer', ok, '200'],
    [
      'an answer in chunks',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n',
      '200',
    ],
    ['an answer without a body', 'HTTP/1.1 204 No Content\r\n\r\n', '204'],
    ['an answer to HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n', '200', { method: 'HEAD' }],
    ['an answer after an interim one', `HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${ok}`, '200'],
    ['a refusal', 'HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n', '!503'],
    ['a refusal that was expected', 'HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n', '503', {
      expect: [503],
    }],
    ['another status than expected', ok, '!200', { expect: [201] }],
    ['what is not HTTP', 'SSH-2.0-OpenSSH\r\n\r\n', '!protocol'],
    ['more than was asked for', `${ok}${ok}`, '!protocol'],
  ]

for (const [title, answer, ending, request = {}] of answers) {
  test(`${title} ends as ${ending}`, async () => {
    await using subject = await serve((_, socket) => void socket.write(answer))
    assert.deepEqual(endings(await drive(planOf(subject.target, request))), { [ending]: 10 })
  })
}

test('a connection that is used again serves all, the one after the other', async () => {
  await using subject = await serve((_, socket) => void socket.write(ok))
  const report = await drive(
    planOf(subject.target, {}, { connections: { kind: 'keep-alive', open: 3, maximum: 3 } })
  )
  assert.equal(subject.accepted(), 3)
  assert.deepEqual(report.connections, { opened: 3, failed: 0, reused: 10, closedIdle: 0, openAtMost: 3 })
  assert.equal(
    subject.requests[0],
    `GET / HTTP/1.1\r\nHost: ${subject.target.slice('http://'.length)}\r\n\r\n`
  )
})

test('a fresh connection serves one request, and says so', async () => {
  await using subject = await serve((_, socket) => void socket.end(ok))
  const report = await drive(planOf(subject.target, {}, { connections: { kind: 'fresh' } }))
  assert.deepEqual(endings(report), { 200: 10 })
  assert.equal(subject.accepted(), 10)
  assert.match(subject.requests[0] ?? '', /\r\nConnection: close\r\n/)
})

test('a fresh connection is left by the client, when the server does not', async () => {
  await using subject = await serve((_, socket) => void socket.write(ok))
  const report = await drive(planOf(subject.target, {}, {
    phases: [{ kind: 'closed', users: 1, durationMs: 50 }],
    connections: { kind: 'fresh' },
  }))
  assert.equal(report.connections.openAtMost, 1)
  assert.equal(report.connections.opened, report.totals.expected)
})

test('an answer that announces the close is an answer, and its connection is left', async () => {
  await using subject = await serve((_, socket) => {
    socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end')
  })
  const report = await drive(planOf(subject.target, {}))
  assert.deepEqual(endings(report), { 200: 10 })
  assert.equal(report.totals.bytesReceived, 100)
  assert.equal(subject.accepted(), 10)
})

test('nobody there: refused', async () => {
  assert.deepEqual(endings(await drive(planOf(await nobody(), {}))), { '!refused': 10 })
})

test('a reset is a reset', async () => {
  await using subject = await serve((_, socket) => void socket.resetAndDestroy())
  assert.deepEqual(endings(await drive(planOf(subject.target, {}))), { '!reset': 10 })
})

test('an answer cut short is no answer', async () => {
  await using subject = await serve((_, socket) => void socket.end(ok.slice(0, -1)))
  assert.deepEqual(endings(await drive(planOf(subject.target, {}))), { '!closed': 10 })
})

test('a client without an answer leaves when its patience ends, and what comes later reaches nobody', async () => {
  const closed: unknown[] = []
  await using subject = await serve((_, socket) => {
    socket.once('close', () => closed.push(socket))
    socket.write(ok.slice(0, 10))
  })
  const report = await drive(planOf(subject.target, { patienceMs: 60 }))
  assert.deepEqual(endings(report), { '!timeout': 10 })
  const { minMs, maxMs } = report.requests[0]?.outcomes[0]?.latency ?? { minMs: 0, maxMs: 0 }
  assert.ok(minMs >= 60 && maxMs < 10_000, `${minMs} to ${maxMs}`)
  // Closing takes the server a turn or two more.
  while (closed.length < 10) await new Promise(setImmediate)
})

test('with all connections busy, the wait for one counts, and ends with the patience', async () => {
  await using subject = await serve(() => {})
  const report = await drive(planOf(subject.target, { patienceMs: 50 }, {
    phases: [{ kind: 'replay', atMs: [0, 0, 0, 0, 0] }],
    connections: { kind: 'keep-alive', maximum: 2 },
  }))
  assert.deepEqual(endings(report), { '!unsent': 3, '!timeout': 2 })
  assert.equal(report.connections.openAtMost, 2)
})

test('who waits for a connection gets that of one who gave up', async () => {
  await using subject = await serve((request, socket) => {
    if (!request.startsWith('GET /never')) socket.write(ok)
  })
  const report = await drive(planOf(subject.target, {}, {
    phases: [{ kind: 'replay', atMs: [0, 1], journeys: [0, 1] }],
    traffic: {
      kind: 'journeys',
      journeys: [
        journey('stuck', [{ name: 'stuck', path: '/never', patienceMs: 50 }]),
        journey('next', [{ name: 'next', path: '/' }]),
      ],
    },
    connections: { kind: 'keep-alive', maximum: 1 },
  }))
  assert.deepEqual(endings(report), { '!timeout': 1, 200: 1 })
})

test('answers before the request was read are taken; the connection is not used again', async () => {
  await using subject = await serve((_, socket) => {
    socket.pause()
    socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n')
  })
  const body = 'x'.repeat(20_000_000)
  const report = await drive(planOf(subject.target, { method: 'POST', body, expect: [413] }, {
    phases: [{ kind: 'replay', atMs: [0, 0, 0] }],
    connections: { kind: 'keep-alive', maximum: 1 },
  }))
  assert.deepEqual(endings(report), { 413: 3 })
  assert.equal(subject.accepted(), 3)
  assert.equal(report.connections.reused, 0)
})

test('a server that closes idle connections loses nothing', async () => {
  await using subject = await serve((_, socket) => {
    socket.write(ok, () => socket.end())
  })
  const report = await drive(planOf(subject.target, {}, {
    phases: [{ kind: 'replay', atMs: [0, 150, 300] }],
  }))
  assert.deepEqual(endings(report), { 200: 3 })
})

test('requests above the limit in flight are dropped, which voids the run', async () => {
  await using subject = await serve(() => {})
  const report = await drive(planOf(subject.target, { patienceMs: 100 }, { maxInFlight: 4 }))
  assert.deepEqual(endings(report), { '!timeout': 4 })
  assert.deepEqual([report.totals.due, report.totals.dropped], [10, 6])
  assert.match(report.verdict.reasons.join(), /6 requests were dropped/)
})

test('a body is sent with its length, in bytes', async () => {
  await using subject = await serve((_, socket) => void socket.write(ok))
  await drive(planOf(subject.target, {
    method: 'PUT',
    path: '/x?y=1',
    headers: { 'Content-Type': 'text/plain' },
    body: 'größer',
  }))
  const [head = '', body] = (subject.requests[0] ?? '').split('\r\n\r\n')
  assert.match(head, /^PUT \/x\?y=1 HTTP\/1\.1\r\n/)
  assert.match(head, /\r\nContent-Type: text\/plain\r\nContent-Length: 8$/)
  assert.equal(Buffer.from(body ?? '', 'latin1').toString(), 'größer')
})

test('a UNIX socket serves like a port', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'plimsoll-'))
  try {
    await using subject = await serve((_, socket) => void socket.write(ok), join(folder, 's'))
    assert.deepEqual(endings(await drive(planOf(subject.target, {}))), { 200: 10 })
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('several targets take arrivals in turn', async () => {
  await using one = await serve((_, socket) => void socket.write(ok))
  await using other = await serve((_, socket) => void socket.write(ok))
  await drive(planOf(one.target, {}, { targets: [one.target, other.target] }))
  assert.deepEqual([one.requests.length, other.requests.length], [5, 5])
})

test('a warm-up is sent, and in no figure', async () => {
  await using subject = await serve((_, socket) => void socket.write(ok))
  const report = await drive(planOf(subject.target, {}, {
    phases: [
      { kind: 'constant', perSecond: 500, durationMs: 20, warmUp: true },
      { kind: 'constant', perSecond: 500, durationMs: 10 },
    ],
  }))
  assert.equal(subject.requests.length, 15)
  assert.deepEqual([report.totals.due, report.latency.count, report.dispatchLag.count], [5, 5, 5])
  assert.deepEqual([report.measuredMs, report.totals.duePerSecond], [10, 500])
  assert.deepEqual(report.phases.map(({ name, counts }) => [name, counts.expected]), [['constant 2', 5]])
})

test('a generator that is far behind reads answers between the requests that it owes', async () => {
  await using subject = await serve((_, socket) => void socket.write(ok))
  const report = await drive(planOf(subject.target, {}, {
    phases: [{ kind: 'replay', atMs: new Float64Array(5_000) }],
    patienceMs: 20_000,
  }))
  assert.deepEqual(endings(report), { 200: 5_000 })
  // All were due at 0: the first answer was there before the last request had left.
  assert.ok(report.latency.minMs < report.dispatchLag.maxMs)
  assert.ok(report.connections.openAtMost <= 1_000)
})
