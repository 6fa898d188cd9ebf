import { SettingError } from '../../../kernel/index.ts'
import type { Consumer } from '../../../work/consumers/index.ts'
import type { EventType } from '../../../work/events/index.ts'
import type { ExportDefinition, ExportLimits } from '../../../work/exports/index.ts'
import type { Job, Schedule, Tier, TierOptions } from '../../../work/jobs/index.ts'
import type { Projection } from '../../../work/projections/index.ts'
import type { DefinedSaga } from '../../../work/saga/index.ts'
import type { BrokerPlaces } from './open-broker.ts'

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
  /** Groups tenants in the metrics of jobs, by plan say; few values. @default one group, 'all' */
  readonly tenantClass?: (tenant: string) => string
  /** Where tracked jobs are asked about: `GET` and `DELETE` below it. @default '/jobs' */
  readonly jobsPath?: string
  /** Every event that the service emits. */
  readonly events?: readonly EventType[]
  /** What is done about events. */
  readonly consumers?: readonly Consumer[]
  /** Tables that are made of events. */
  readonly projections?: readonly Projection[]
  /** Where the broker of the setting `broker.urls` keeps the service's events. @default below the name `events` */
  readonly broker?: BrokerPlaces
  /** All sagas; old versions as long as any of them may be under way. */
  readonly sagas?: readonly DefinedSaga[]
  /** What can be asked for as a file. */
  readonly exports?: readonly ExportDefinition[]
  /** What one tenant may have of exports. */
  readonly exportLimits?: ExportLimits
  /** Where exports are found. @default '/exports' */
  readonly exportsPath?: string
}

const lists = ['jobs', 'schedules', 'events', 'consumers', 'projections', 'sagas', 'exports'] as const

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
        value.map((each: { readonly name?: unknown; readonly type?: unknown }) => each?.name ?? each?.type)
      )
    }
  }
  for (const part of ['jobsPath', 'exportsPath'] as const) {
    const path = definition[part]
    if (path !== undefined && !/^(?:\/[\w.~-]+)+$/.test(path))
      throw new SettingError(`service.${part}`, 'a path such as /jobs, without a slash at its end', path)
  }
}
