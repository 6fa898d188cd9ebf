// Latency against servers whose delays are known, so that what must be measured can be worked out.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { test } from 'node:test'
import { Histogram } from '../histogram/index.ts'
import type { LoadPlan } from '../plan.ts'
import type { LoadReport } from '../report.ts'
import { planOf } from './drive.fixture.ts'
import { runLoad } from './run-load.ts'

interface Delayed extends AsyncDisposable {
  readonly target: string
}

/** Answers each request as many milliseconds after it came as `delay` says; told when, from the first one. */
async function delayed (delay: (sinceFirstMs: number) => number): Promise<Delayed> {
  let firstMs: number | undefined
  const server = http.createServer((_, response) => {
    const nowMs = performance.now()
    firstMs ??= nowMs
    const waitMs = delay(nowMs - firstMs)
    const answer = (): void => void response.end('ok')
    if (waitMs > 0) setTimeout(answer, waitMs)
    else answer()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    target: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose] () {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** From one second on the server stands still for one second. */
const stall = (sinceFirstMs: number): number =>
  sinceFirstMs >= 1_000 && sinceFirstMs < 2_000 ? 2_000 - sinceFirstMs : 0

/** The machine may be busy; what a wrong generator reports is off by hundreds. */
const slackMs = 80

/** @param alsoMs that the machine may have added: it makes no latency smaller */
function near (actual: number, expected: number, what: string, alsoMs = 0): void {
  assert.ok(
    actual >= expected - slackMs && actual <= expected + slackMs + alsoMs,
    `${what}: ${actual}, not ${expected}`
  )
}

/** One that says nothing of this machine's own hiccups. */
const lenient: Partial<LoadPlan> = { honesty: { lagP99Ms: 1_000, lagMaxMs: 5_000 } }

interface Run {
  readonly report: LoadReport
  /** What the machine may have added to a latency, where no run was without it. */
  readonly addedMs: number
}

/**
 * Runs until the machine was not busy with something else meanwhile: in a run in which this process, which is the
 * server, or the generator stood still, or requests outside the stall were slow, a latency is known only from below. The
 * fourth counts whatever it was.
 */
async function undisturbed (run: () => Promise<LoadReport>, usualMs: number): Promise<Run> {
  for (let attempt = 1;; attempt++) {
    const delay = monitorEventLoopDelay({ resolution: 10 })
    delay.enable()
    const report = await run()
    delay.disable()
    const { latency, dispatchLag } = report
    const stoodStill = delay.max / 1e6 > 70 || dispatchLag.maxMs > 70
    if (!stoodStill && latency.p50Ms < usualMs + 5) return { report, addedMs: 0 }
    if (attempt === 4) return { report, addedMs: Infinity }
  }
}

test('a server that takes 100 ms is measured with 100 ms, by each request once', async () => {
  await using server = await delayed(() => 100)
  const { report, addedMs } = await undisturbed(() =>
    runLoad(planOf(server.target, {}, {
      ...lenient,
      phases: [{ kind: 'constant', perSecond: 50, durationMs: 2_000 }],
    })), 100)
  assert.equal(report.latency.count, 100)
  assert.ok(report.latency.minMs > 98 && report.latency.p50Ms < 115 + addedMs, `${report.latency.p50Ms}`)
  assert.ok(report.serviceTime.p50Ms <= report.latency.p50Ms * 1.004)
})

for (
  const [title, connections] of [
    ['as many connections as it takes', { kind: 'keep-alive' }],
    ['ten connections, where ten requests wait for the server and the others for a connection', {
      kind: 'keep-alive',
      maximum: 10,
    }],
  ] as const
) {
  test(`a stall of 1 s is felt by all who came in it: ${title}`, async () => {
    const { report, addedMs } = await undisturbed(async () => {
      await using server = await delayed(stall)
      return await runLoad(planOf(server.target, {}, {
        ...lenient,
        connections,
        phases: [{ kind: 'constant', perSecond: 200, durationMs: 3_000 }],
      }))
    }, 0)
    const { latency, serviceTime } = report
    assert.equal(latency.count, 600)
    // A third of 600 come in the stall, evenly, and wait from 1,000 ms down to 0: a latency above x ms is had by
    // (1000 - x) / 1000 * 200 of them.
    near(latency.p50Ms, 0, 'p50', addedMs)
    near(latency.p75Ms, 250, 'p75', addedMs)
    near(latency.p90Ms, 700, 'p90', addedMs)
    near(latency.p95Ms, 850, 'p95', addedMs)
    near(latency.p99Ms, 970, 'p99', addedMs)
    near(latency.maxMs, 1_000, 'maximum', addedMs)
    near(latency.meanMs, 1_000 / 2 / 3, 'mean', addedMs)
    if (connections.kind === 'keep-alive' && 'maximum' in connections) {
      // What a tool that waits for each answer before it sends would say.
      near(serviceTime.p95Ms, 0, 'p95 of the service time', addedMs)
      near(serviceTime.maxMs, 1_000, 'maximum of the service time', addedMs)
    } else near(serviceTime.p90Ms, 700, 'p90 of the service time', addedMs)
  })
}

test('a closed loop hides the stall, which is why its latency is not to be trusted', async () => {
  const { report, addedMs } = await undisturbed(async () => {
    await using server = await delayed(stall)
    return await runLoad(planOf(server.target, {}, {
      ...lenient,
      phases: [{ kind: 'closed', users: 1, durationMs: 3_000 }],
    }))
  }, 0)
  near(report.latency.p99Ms, 0, 'p99', addedMs)
  near(report.latency.maxMs, 1_000, 'maximum', addedMs)
})

test('three threads send what one would, and their histograms add up', async () => {
  await using server = await delayed((sinceFirstMs) => sinceFirstMs % 7)
  const seconds: number[] = []
  const report = await runLoad(
    planOf(server.target, {}, {
      ...lenient,
      threads: 3,
      phases: [
        { kind: 'poisson', perSecond: 300, durationMs: 1_000, warmUp: true },
        { kind: 'constant', perSecond: 400, durationMs: 1_000 },
      ],
    }),
    { onProgress: ({ interval }) => seconds.push(interval.answered) }
  )
  assert.deepEqual([report.totals.due, report.totals.expected], [400, 400])
  assert.equal(report.health.length, 3)
  const counts = (data: { readonly counts: readonly number[] }): number =>
    data.counts.reduce((sum, count) => sum + count, 0)
  assert.equal(counts(report.latency.histogram), 400)
  assert.equal(counts(report.requests[0]?.outcomes[0]?.serviceTime.histogram ?? { counts: [] }), 400)
  assert.deepEqual(Histogram.from(report.latency.histogram).quantileMs(0.9), report.latency.p90Ms)
  const told = seconds.reduce((sum, answered) => sum + answered, 0)
  assert.equal(report.timeline.reduce((sum, { answered }) => sum + answered, 0), told)
  assert.ok(told > 600, `${told}`)
})
