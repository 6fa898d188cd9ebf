import { SettingError } from '../../kernel/index.ts'
import { UnknownJobError } from './errors.ts'
import type { Job } from './job.ts'
import type { Schedule } from './schedule.ts'
import type { Tier } from './tier.ts'

/** The jobs of a service, by name. */
export class JobList {
  readonly byName: ReadonlyMap<string, Job>
  /** Theirs, each once. */
  readonly tiers: readonly Tier[]

  /** @throws SettingError for two jobs of one name, and for a schedule of a job that is not among them */
  constructor (jobs: readonly Job[], schedules: readonly Schedule[]) {
    const byName = new Map<string, Job>()
    for (const job of jobs) {
      if (byName.has(job.name)) throw new SettingError('jobs', 'jobs of different names', job.name)
      byName.set(job.name, job)
    }
    this.byName = byName
    this.tiers = [...new Set(jobs.map(({ policy: { tier } }) => tier))]
    const names = new Set<string>()
    for (const { name, job } of schedules) {
      if (byName.get(job.name) !== job)
        throw new SettingError('schedules', "of the service's jobs", `${name}: ${job.name}`)
      if (names.has(name)) throw new SettingError('schedules', 'schedules of different names', name)
      names.add(name)
    }
  }

  /** @throws UnknownJobError */
  get (name: string): Job {
    const job = this.byName.get(name)
    if (job === undefined) throw new UnknownJobError(name)
    return job
  }

  /** @throws UnknownJobError unless it is that very job */
  check (job: Pick<Job, 'name'>): void {
    if (this.byName.get(job.name) !== job) throw new UnknownJobError(job.name)
  }
}
