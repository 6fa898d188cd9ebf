import { Cron } from 'croner'
import { SettingError } from '../../kernel/index.ts'
import type { Job } from './job.ts'

/** What happens to runs whose time passed while no worker was up: none, the latest one, or all of the last 100. */
export type MissedRuns = 'skip' | 'once' | 'all'

export interface ScheduleOptions {
  /** An IANA name; wall-clock times are of this zone. @default 'UTC' */
  readonly timeZone?: string
  /** @default 'once' */
  readonly missed?: MissedRuns
  /** Tells apart two schedules of one job; stable over releases. @default the job's name */
  readonly name?: string
}

/** A job that is enqueued at certain times. */
export interface Schedule {
  readonly name: string
  readonly job: Job
  /** The payload of the run at that time. */
  readonly inputAt: (at: Date) => unknown
  readonly missed: MissedRuns
  /** Tells one text from another, to notice a change. */
  readonly pattern: string
  /** @returns `undefined` when there is none */
  readonly nextAfter: (at: Date) => Date | undefined
  /** The last times up to `at`, itself included, in their order. */
  readonly latestUntil: (at: Date, count: number) => readonly Date[]
}

/**
 * Enqueues a job at the times of a cron pattern: five fields, or six with seconds first. Each run is enqueued once,
 * however many workers there are.
 *
 * @param pattern e.g. `0 3 * * *` for each day at three; see croner for `L`, `W` and `#`
 * @param input the payload, or a function that makes it from the time of the run
 * @throws SettingError for a pattern or a time zone that cannot be read, and a pattern that never comes true
 * @see https://croner.56k.guru/usage/pattern/
 */
export function schedule<Input> (
  pattern: string,
  job: Job<Input>,
  input: Input | ((at: Date) => Input),
  options: ScheduleOptions = {}
): Schedule {
  const { timeZone = 'UTC', missed = 'once', name = job.name } = options
  if (!['skip', 'once', 'all'].includes(missed))
    throw new SettingError(`schedule ${name}: missed`, "one of 'skip', 'once', 'all'", missed)
  const cron = cronOf(name, pattern, timeZone)
  return {
    name,
    job: job as Job,
    inputAt: typeof input === 'function' ? input as (at: Date) => Input : () => input,
    missed,
    pattern: `${pattern} ${timeZone}`,
    nextAfter: (at) => cron.nextRun(at) ?? undefined,
    // Times are whole seconds, and croner leaves out the reference itself.
    latestUntil: (at, count) =>
      cron.previousRuns(count, new Date(at.getTime() + 1_000)).filter((time) => time <= at).toReversed(),
  }
}

function cronOf (name: string, pattern: string, timeZone: string): Cron {
  try {
    const cron = new Cron(pattern, { timezone: timeZone, paused: true, mode: '5-or-6-parts' })
    if (cron.nextRun() !== null) return cron
  } catch {
    // Croner names the part that it cannot read, which is in the pattern that the error shows.
  }
  throw new SettingError(
    `schedule ${name}`,
    'a cron pattern that comes true, in a time zone that there is',
    `${pattern} ${timeZone}`
  )
}
