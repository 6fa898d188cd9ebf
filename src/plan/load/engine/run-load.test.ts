import assert from 'node:assert/strict'
import { once } from 'node:events'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { generate } from 'selfsigned'
import { SettingError } from '../../../kernel/index.ts'
import type { LoadPlan } from '../plan.ts'
import { endings, planOf } from './drive.fixture.ts'
import { runLoad } from './run-load.ts'
import { ok, serve } from './subject.fixture.ts'

const lenient: Partial<LoadPlan> = { honesty: { lagP99Ms: 1_000, lagMaxMs: 5_000 } }

test('an aborted run ends at once, with a report of what it has done', async () => {
  let first: (() => void) | undefined
  const begun = new Promise<void>((resolve) => first = resolve)
  await using subject = await serve((request, socket) => {
    if (!request.startsWith('GET /wait')) socket.write(ok)
    first?.()
  })
  const abort = new AbortController()
  const run = runLoad(
    planOf(subject.target, { path: '/wait' }, {
      ...lenient,
      phases: [{ kind: 'constant', perSecond: 100, durationMs: 600_000 }],
    }),
    { signal: abort.signal }
  )
  await begun
  abort.abort()
  const report = await run
  assert.equal(report.aborted, true)
  assert.equal(report.totals.expected, 0)
  assert.ok(report.totals.unfinished > 0 && report.totals.unfinished === report.totals.due)
  assert.ok(report.measuredMs > 0 && report.measuredMs < 60_000)
})

test('a run that was aborted before it began sends nothing', async () => {
  await using subject = await serve((_, socket) => void socket.write(ok))
  const report = await runLoad(planOf(subject.target, {}), { signal: AbortSignal.abort() })
  assert.deepEqual([report.aborted, report.totals.due, subject.requests.length], [true, 0, 0])
})

test('connections that are to stand before are opened before the first arrival', async () => {
  await using subject = await serve((_, socket) => void socket.write(ok))
  const report = await runLoad(planOf(subject.target, {}, {
    ...lenient,
    threads: 2,
    connections: { kind: 'keep-alive', open: 251 },
  }))
  assert.deepEqual([subject.accepted(), report.connections.opened, report.connections.reused], [251, 251, 10])
  assert.equal(report.verdict.state, 'valid')
})

test('a run whose connections cannot be opened is void', async () => {
  const subject = await serve(() => {})
  await subject[Symbol.asyncDispose]()
  const report = await runLoad(planOf(subject.target, {}, { connections: { kind: 'keep-alive', open: 5 } }))
  assert.deepEqual(endings(report), { '!refused': 10 })
  assert.match(report.verdict.reasons.join(), /only 0 of 5 connections/)
})

test('a thread that dies voids the run, and the others finish', async () => {
  await using subject = await serve((_, socket) => void socket.write(ok))
  const report = await runLoad(planOf(subject.target, {}, {
    ...lenient,
    threads: 2,
    phases: [{ kind: 'constant', perSecond: 100, durationMs: 300 }],
    traffic: { kind: 'module', url: new URL('./dying-traffic.fixture.ts', import.meta.url).href },
  }))
  assert.equal(report.verdict.state, 'void')
  assert.match(report.verdict.reasons.join(), /a thread of the generator ended early: exit code 7/)
  assert.equal(report.totals.expected, 15)
})

test('a thread is pinned to its core, or the run says that it could not be', async () => {
  await using subject = await serve((_, socket) => void socket.write(ok))
  const { health, verdict } = await runLoad(planOf(subject.target, {}, { ...lenient, pin: [0] }))
  assert.deepEqual(
    [health[0]?.core, verdict.state],
    verdict.reasons.length === 0 ? [0, 'valid'] : [undefined, 'void']
  )
  const nowhere = await runLoad(planOf(subject.target, {}, { ...lenient, pin: [100_000] }))
  assert.equal(nowhere.health[0]?.core, undefined)
  assert.match(nowhere.verdict.reasons.join(), /pinned to core 100000/)
})

test('what a traffic module throws while it is loaded is thrown on', async () => {
  await using subject = await serve((_, socket) => void socket.write(ok))
  const plan = planOf(subject.target, {}, { traffic: { kind: 'module', url: 'file:///nowhere/at-all.ts' } })
  await assert.rejects(runLoad(plan), { code: 'ERR_MODULE_NOT_FOUND' })
})

test('TLS: a trusted server is measured, another one is told apart', async () => {
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }], {
    extensions: [{
      name: 'subjectAltName',
      altNames: [{ type: 7, ip: '127.0.0.1' }, { type: 2, value: 'localhost' }],
    }],
  })
  const server = https.createServer({ cert, key }, (_, response) => void response.end('ok'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const target = `https://localhost:${(server.address() as AddressInfo).port}`
    const trusted = await runLoad(planOf(target, {}, { ...lenient, tls: { ca: cert } }))
    assert.deepEqual(endings(trusted), { 200: 10 })
    assert.deepEqual(endings(await runLoad(planOf(target, {}, lenient))), { '!tls': 10 })
    assert.deepEqual(endings(await runLoad(planOf(target, {}, { ...lenient, tls: { verify: false } }))), {
      200: 10,
    })
  } finally {
    server.closeAllConnections()
    server.close()
  }
})

const wrong: readonly (readonly [setting: string, plan: Partial<LoadPlan>])[] = [
  ['targets', { targets: [] }],
  ['targets[0]', { targets: ['ftp://x'] }],
  ['targets[0]', { targets: ['http://127.0.0.1:1/path'] }],
  ['phases', { phases: [] }],
  ['phases[0].perSecond', { phases: [{ kind: 'constant', perSecond: -1, durationMs: 1 }] }],
  ['phases[0].durationMs', { phases: [{ kind: 'poisson', perSecond: 1, durationMs: Number.NaN }] }],
  ['phases[0].atMs[1]', { phases: [{ kind: 'replay', atMs: [5, 4] }] }],
  ['phases[0].users', { phases: [{ kind: 'closed', users: 1.5, durationMs: 1 }] }],
  ['phases[0].byPerSecond', {
    phases: [{ kind: 'steps', fromPerSecond: 10, byPerSecond: -6, steps: 3, eachMs: 1 }],
  }],
  ['phases[0].durationMs', {
    phases: [{ kind: 'spike', perSecond: 1, peakPerSecond: 2, peakAtMs: 5, peakForMs: 6, durationMs: 10 }],
  }],
  ['patienceMs', { patienceMs: 0 }],
  ['threads', { threads: 0 }],
  ['seed', { seed: -1 }],
  ['connections.open', { connections: { kind: 'keep-alive', open: 3, maximum: 2 } }],
  ['traffic.journeys', { traffic: { kind: 'journeys', journeys: [] } }],
  ['journey "j" steps', { traffic: { kind: 'journeys', journeys: [{ name: 'j', steps: [] }] } }],
  ['request "only" path', planOf('', { path: 'no slash' })],
  ['request "only" path', planOf('', { path: '/a\r\nX: y' })],
  ['request "only" header', planOf('', { headers: { a: 'b\r\nc: d' } })],
  ['request "only" method', planOf('', { method: 'GET /' })],
]

for (const [setting, plan] of wrong) {
  test(`a wrong ${setting} stops the run before it sends anything`, async () => {
    const targets = plan.targets === undefined || plan.targets[0] === '' ?
      ['http://127.0.0.1:1'] :
      plan.targets
    await assert.rejects(
      runLoad({ ...planOf('http://127.0.0.1:1', {}), ...plan, targets }),
      (error) => error instanceof SettingError && error.setting === setting
    )
  })
}
