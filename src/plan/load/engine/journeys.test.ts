import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SettingError } from '../../../kernel/index.ts'
import type { LoadPlan } from '../plan.ts'
import { drive, endings, journey, planOf } from './drive.fixture.ts'
import { ok, serve } from './subject.fixture.ts'

const url = new URL('./traffic.fixture.ts', import.meta.url).href

function moduleTraffic (input: unknown, exportName?: string): Pick<LoadPlan, 'traffic'> {
  return { traffic: { kind: 'module', url, input, ...(exportName === undefined ? {} : { exportName }) } }
}

test('a journey made by code uses the answers, and thinks between its requests', async () => {
  await using subject = await serve((request, socket) => {
    const body = `t${/user (\d+)/.exec(request)?.[1] ?? ''}`
    socket.write(`HTTP/1.1 200 OK\r\nX-Seen: a\r\nx-seen: b\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  })
  const report = await drive(planOf(subject.target, {}, moduleTraffic(undefined, 'signIn')))
  assert.deepEqual(report.requests.map(({ name, counts }) => [name, counts.expected]), [['login', 10], [
    'mine',
    10,
  ]])
  const mine = subject.requests.filter((request) => request.startsWith('GET /mine'))
  assert.match(mine[0] ?? '', /^GET \/mine\?of=t\d HTTP[^]*x-seen: a, b/)
  assert.deepEqual(new Set(mine.map((request) => /of=(t\d)/.exec(request)?.[1])).size, 10)
  const { started, completed, broken } = report.journeys
  assert.deepEqual([started, completed, broken], [10, 10, 0])
})

test('the answer is judged by code, in place of the statuses', async () => {
  await using subject = await serve((_, socket) => void socket.write(ok))
  // A step that is judged, and the same without a judge.
  const step = { request: { name: 'r', path: '/', expect: [500] }, keep: true }
  const report = await drive(planOf(subject.target, {}, moduleTraffic({ step })))
  assert.deepEqual(endings(report), { 200: 10, '!200': 10 })
  assert.deepEqual(report.journeys.complaints, [])
})

test('what is wrong with an answer is told with how often it was', async () => {
  await using subject = await serve((_, socket) =>
    void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx')
  )
  const step = { request: { name: 'r', path: '/' }, keep: true }
  const report = await drive(planOf(subject.target, {}, moduleTraffic({ step })))
  assert.deepEqual(endings(report), { '!200': 10, 200: 10 })
  assert.equal(report.journeys.broken, 10)
  assert.deepEqual(report.journeys.complaints, [{
    from: 'judge',
    request: 'r',
    message: 'too short',
    count: 10,
  }])
})

test('a journey whose code throws is broken, and says what was thrown', async () => {
  await using subject = await serve((_, socket) => void socket.write(ok))
  const report = await drive(planOf(subject.target, {}, moduleTraffic({ thrown: 'no users left' })))
  assert.equal(report.journeys.broken, 10)
  assert.deepEqual(report.journeys.complaints, [{
    from: 'code',
    request: '',
    message: 'no users left',
    count: 10,
  }])
})

test('a request that HTTP cannot carry breaks its journey, not the run', async () => {
  await using subject = await serve((_, socket) => void socket.write(ok))
  const step = { request: { name: 'r', path: '/a b' } }
  const report = await drive(planOf(subject.target, {}, moduleTraffic({ step })))
  assert.equal(report.journeys.broken, 10)
  assert.match(report.journeys.complaints[0]?.message ?? '', /path must be/)
})

test('a journey without a request ends, also in a closed loop', async () => {
  await using subject = await serve((_, socket) => void socket.write(ok))
  const report = await drive(planOf(subject.target, {}, {
    ...moduleTraffic({}),
    phases: [{ kind: 'closed', users: 2, durationMs: 50 }],
  }))
  assert.ok(report.journeys.completed >= 2 && report.journeys.completed <= 12)
  assert.equal(report.totals.due, 0)
})

test('a module without a source is refused', async () => {
  await using subject = await serve((_, socket) => void socket.write(ok))
  const plan = planOf(subject.target, {}, moduleTraffic({}, 'nothing'))
  await assert.rejects(
    drive(plan),
    (error) => error instanceof SettingError && /"nothing"/.test(error.message)
  )
})

test('journeys are chosen by weight, and a step that fails ends its journey', async () => {
  await using subject = await serve((request, socket) =>
    void socket.write(request.startsWith('GET /bad') ? 'HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n' : ok)
  )
  const report = await drive(planOf(subject.target, {}, {
    phases: [{ kind: 'constant', perSecond: 4_000, durationMs: 200 }],
    traffic: {
      kind: 'journeys',
      journeys: [
        { ...journey('good', [{ name: 'a', path: '/a' }, { name: 'b', path: '/b' }]), weight: 3 },
        journey('bad', [{ name: 'bad', path: '/bad' }, { name: 'never', path: '/never' }]),
      ],
    },
  }))
  const counts = new Map(report.requests.map(({ name, counts: { due } }) => [name, due]))
  const [a = 0, b = 0, bad = 0] = [counts.get('a'), counts.get('b'), counts.get('bad')]
  assert.equal(a + bad, 800)
  assert.equal(a, b)
  assert.ok(Math.abs(a - 600) < 60, `${a}`)
  assert.equal(counts.get('never'), undefined)
  assert.deepEqual([report.journeys.completed, report.journeys.broken], [a, bad])
})

test('after the last phase journeys go on within the grace, and are cut off at its end', async () => {
  await using subject = await serve((_, socket) => void socket.write(ok))
  const traffic = {
    kind: 'journeys' as const,
    journeys: [{
      name: 'slow',
      steps: [
        { request: { name: 'first', path: '/' } },
        { request: { name: 'soon', path: '/' }, think: 60 },
        { request: { name: 'late', path: '/' }, think: 60_000 },
      ],
    }],
  }
  const report = await drive(planOf(subject.target, {}, { traffic, graceMs: 1_500 }))
  assert.deepEqual(report.requests.map(({ name, counts }) => [name, counts.expected]), [['first', 10], [
    'soon',
    10,
  ]])
  assert.deepEqual([report.journeys.completed, report.journeys.unfinished], [0, 10])
})

test('a closed loop sends the next request when the last is answered', async () => {
  let [underWay, most] = [0, 0]
  await using subject = await serve((_, socket) => {
    most = Math.max(most, ++underWay)
    setTimeout(() => {
      underWay--
      socket.write(ok)
    }, 10)
  })
  const report = await drive(
    planOf(subject.target, {}, { phases: [{ kind: 'closed', users: 3, durationMs: 300 }] })
  )
  assert.equal(most, 3)
  const { expected, due } = report.totals
  assert.equal(expected, due)
  // Each user sends more than once, and never while it waits: 30 times at most, but for timers that are a little early.
  assert.ok(expected >= 6 && expected <= 120, `${expected}`)
})
