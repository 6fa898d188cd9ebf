import { type Clock, systemClock } from '../../../kernel/index.ts'
import { windowsOf } from '../arrivals/index.ts'
import type { LoadPlan } from '../plan.ts'
import type { LoadProgress, LoadReport } from '../report.ts'
import { checkPlan } from './check-plan.ts'
import { reportOf } from './report-of.ts'
import { Thread } from './thread.ts'
import { Timeline } from './timeline.ts'

export interface RunLoadOptions {
  /** Called about each second, and once more at the end. */
  readonly onProgress?: (progress: LoadProgress) => void
  /** Ends the run early; the report then covers what ran. */
  readonly signal?: AbortSignal
  /** Of the calling thread; the threads that send have the system's. */
  readonly clock?: Clock
}

/**
 * Runs a plan: arrivals come when the plan says, whatever becomes of those before them, and each latency counts
 * from the time at which its request was to be sent.
 *
 * @throws SettingError for a plan that cannot be run; what a traffic module throws while it is loaded, with its
 *   fields (`code`), as a plain Error. A server that refuses, resets or stalls is no error: it is in the report.
 */
export async function runLoad (plan: LoadPlan, options: RunLoadOptions = {}): Promise<LoadReport> {
  const { onProgress, signal, clock = systemClock } = options
  const targets = await checkPlan(plan)
  const windows = windowsOf(plan.phases)
  const plannedMs = windows.at(-1)?.endMs ?? 0
  const count = plan.threads ?? 1
  const cores = Array.from({ length: count }, (_, at) => plan.pin?.[at % plan.pin.length])
  const timeline = new Timeline(count, plannedMs, (interval, totals, failures) => {
    const elapsedMs = interval.atMs + interval.durationMs
    const phase = windows.findLast(({ startMs }) => startMs <= interval.atMs)?.name ?? ''
    onProgress?.({ elapsedMs, plannedMs, phase, interval, totals, failures })
  })

  await using threads = new AsyncDisposableStack()
  const all = cores.map((core, thread) =>
    threads.use(
      new Thread(
        { plan, targets, share: { thread, threads: count }, core },
        (interval, isLast) => timeline.add(thread, interval, isLast)
      )
    )
  )
  const stop = (): void => {
    for (const thread of all) thread.stop()
  }
  signal?.addEventListener('abort', stop, { once: true })
  threads.defer(() => signal?.removeEventListener('abort', stop))
  if (signal?.aborted === true) stop()

  const ready = await Promise.all(all.map((thread) => thread.ready))
  const startedAtMs = clock.epochMs()
  for (const thread of all) thread.go()
  const results = await Promise.all(all.map(async (thread, at) => {
    const result = await thread.done
    if (result instanceof Error) timeline.leave(at)
    return result
  }))
  return reportOf({
    plan,
    windows,
    startedAtMs,
    aborted: signal?.aborted === true,
    threads: results,
    standing: ready.reduce((sum, { standing }) => sum + standing, 0),
    cores: cores.map((core, at) => ready[at]?.pinned === true ? core : undefined),
    unpinned: cores.flatMap((core, at) => core !== undefined && ready[at]?.pinned === false ? [core] : []),
    timeline: timeline.finish(),
  })
}
