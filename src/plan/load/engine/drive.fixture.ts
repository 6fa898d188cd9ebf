import { systemClock } from '../../../kernel/index.ts'
import { windowsOf } from '../arrivals/index.ts'
import type { JourneySpec, LoadPlan, RequestSpec } from '../plan.ts'
import type { LoadReport } from '../report.ts'
import { checkPlan } from './check-plan.ts'
import { Driver } from './driver.ts'
import { reportOf } from './report-of.ts'

const noFigures = {
  cpuShare: 0,
  loopDelayP99Ms: 0,
  loopDelayMaxMs: 0,
  gcPauses: 0,
  gcPauseTotalMs: 0,
  gcPauseMaxMs: 0,
}

/** Runs a plan in this thread, which saves the time that a worker takes to start. */
export async function drive (plan: LoadPlan, signal = new AbortController().signal): Promise<LoadReport> {
  const targets = await checkPlan(plan)
  const driver = new Driver({ plan, targets, share: { thread: 0, threads: 1 }, clock: systemClock })
  try {
    const standing = await driver.open(signal)
    await driver.run()
    const { client } = driver
    return reportOf({
      plan,
      windows: windowsOf(plan.phases),
      startedAtMs: 0,
      aborted: false,
      standing,
      cores: [],
      unpinned: [],
      timeline: [],
      threads: [{
        recorded: driver.recorder.toData(),
        elapsedMs: driver.elapsedMs,
        spareMs: driver.spareMs,
        figures: noFigures,
        walks: driver.walks,
        connections: {
          opened: client.opened,
          failed: client.failedToOpen,
          reused: client.reused,
          closedIdle: client.closedIdle,
          openAtMost: client.openAtMost,
        },
      }],
    })
  } finally {
    driver.stop()
  }
}

/** A few requests, one each 2 ms, in this thread; merged with what the test is about. */
export function planOf (
  target: string,
  request: Partial<RequestSpec>,
  rest: Partial<LoadPlan> = {}
): LoadPlan {
  return {
    targets: [target],
    phases: [{ kind: 'constant', perSecond: 500, durationMs: 20 }],
    traffic: { kind: 'journeys', journeys: [journey('only', [{ name: 'only', path: '/', ...request }])] },
    patienceMs: 20_000,
    ...rest,
  }
}

export function journey (name: string, requests: readonly RequestSpec[]): JourneySpec {
  return { name, steps: requests.map((request) => ({ request })) }
}

/** How many ended in which way: `{ '200': 9, timeout: 1 }`; what was not expected has a `!` before it. */
export function endings ({ requests }: LoadReport): Record<string, number> {
  return Object.fromEntries(
    requests.flatMap(({ outcomes }) =>
      outcomes.map(({ outcome, expected, count }) => [expected ? outcome : `!${outcome}`, count])
    )
  )
}
