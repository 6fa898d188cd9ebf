import { SettingError } from '../../../kernel/index.ts'
import type { Job, Schedule, Tier, TierOptions } from '../../../work/jobs/index.ts'

/** What a service does behind its requests. All of it lives in the service's own database. */
export interface WorkDefinition {
  /** Every job that the service enqueues or runs. */
  readonly jobs?: readonly Job[]
  /** Jobs that are enqueued at certain times. */
  readonly schedules?: readonly Schedule[]
  /** How a process works on a tier, for those that need other than the defaults. */
  readonly tiers?: Readonly<Partial<Record<Tier, TierOptions>>>
  /** A tenant's share of a tier, relative to the others', 0.001 to 1,000. @default 1 for each */
  readonly weights?: (tenant: string) => number
  /** Where tracked jobs are asked about: `GET` and `DELETE` below it. @default '/jobs' */
  readonly jobsPath?: string
}

const lists = ['jobs', 'schedules'] as const

/** @throws SettingError */
export function checkWork (definition: WorkDefinition & { readonly database?: unknown }): void {
  for (const part of lists) {
    const value: unknown = definition[part]
    if (value === undefined) continue
    if (!Array.isArray(value)) throw new SettingError(`service.${part}`, 'a list', value)
    if (value.length > 0 && definition.database === undefined) {
      throw new SettingError(
        `service.${part}`,
        'used with `database: { schema, migrations }`, in which it is kept',
        value.map((each: { readonly name?: unknown }) => each?.name)
      )
    }
  }
  const { jobsPath } = definition
  if (jobsPath !== undefined && !/^(?:\/[\w.~-]+)+$/.test(jobsPath))
    throw new SettingError('service.jobsPath', 'a path such as /jobs, without a slash at its end', jobsPath)
}
