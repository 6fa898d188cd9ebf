import type { Pool } from 'pg'
import type { Bytes, Clock, Duration, Random } from '../../kernel/index.ts'
import type { Logger, MetricsRegistry } from '../../telemetry/index.ts'
import type { Jobs } from '../jobs/index.ts'
import type { ExportDefinition } from './define-export.ts'
import type { ExportFile } from './export-file.ts'
import type { ExportOwner } from './export-options.ts'
import type { ExportStatus } from './export-status.ts'
import type { ExportFormat } from './parts/index.ts'
import type { FileStore } from './store/index.ts'
import type { UpkeepDone } from './upkeep.ts'

/** What one tenant may have; a user, where there are no tenants; all together, where there is neither. */
export interface ExportLimits {
  /** Exports that are queued or running; at least 1. @default 5 */
  readonly open?: number
  /** Bytes of all files that are kept: above it no new export is begun. @default no limit */
  readonly bytes?: Bytes
}

export interface OpenExportsOptions {
  /** In whose database it is written how exports stand: the pool that `jobs` was opened on; yours to close. */
  readonly pool: Pool
  /** Where rows are read, e.g. on a replica; yours to close. @default `pool` */
  readonly readFrom?: Pool
  /** The open queue; it lists the exports' jobs. */
  readonly jobs: Pick<Jobs, 'enqueue' | 'cancel' | 'status'>
  readonly exports: readonly ExportDefinition[]
  /** Where the files lie; yours to close. */
  readonly store: FileStore
  readonly limits?: ExportLimits
  /** Where exports are found over HTTP. @default '/exports' */
  readonly path?: string
  /** Holds the tables. @default the first schema of the pool's search path */
  readonly schema?: string | undefined
  readonly registry: MetricsRegistry
  /** @default one that is silent */
  readonly logger?: Logger
  readonly clock?: Clock
  readonly random?: Random
}

export interface RequestOptions extends ExportOwner {
  /** @default the first of the export's formats */
  readonly format?: ExportFormat
}

/** How an export stands, and what a client does with that. */
export interface ExportView {
  readonly status: ExportStatus
  /** Grows with each change. */
  readonly version: number
  /** When it is worth another look; undefined when nothing more happens. */
  readonly retryAfterSeconds: number | undefined
}

/** When a wait for an export ends, beside the export's own end. */
export interface WaitForOptions {
  /** The version that is known already: any change to it ends the wait. @default only the end of the export counts */
  readonly since?: number | undefined
  /** The longest wait. @default '30s' */
  readonly timeout?: Duration
  readonly signal?: AbortSignal
}

/** Whose exports are looked at: `'anybody'` is for those who run the service, never for a client. */
export type ExportViewer = ExportOwner | 'anybody'

/** The exports of a service. What is not the viewer's own is answered as if it were not there. */
export interface Exports extends AsyncDisposable {
  readonly path: string
  readonly definitions: readonly ExportDefinition[]
  /**
   * Asks for an export. Once this resolves, it is made, whatever crashes.
   *
   * @throws Problem EXPORT_INPUT_INVALID, EXPORT_FORMAT_UNKNOWN, EXPORT_LIMIT_EXCEEDED
   */
  request<Input>(
    definition: ExportDefinition<Input>,
    input: Input,
    options?: RequestOptions
  ): Promise<ExportView>
  /** @throws Problem EXPORT_NOT_FOUND */
  status(id: string, viewer: ExportViewer): Promise<ExportView>
  /** As `status`, when the wait is over, for whatever reason. @throws Problem EXPORT_NOT_FOUND */
  waitFor(
    id: string,
    viewer: ExportViewer,
    options?: WaitForOptions
  ): Promise<ExportView>
  /** Ends an export that is under way, or deletes the files of one that is over. @throws Problem EXPORT_NOT_FOUND */
  cancel(id: string, viewer: ExportViewer): Promise<ExportView>
  /** @throws Problem EXPORT_NOT_FOUND, EXPORT_NOT_READY, EXPORT_GONE */
  file(id: string, viewer: ExportViewer): Promise<ExportFile>
  /** About how many rows an export would have, by the planner; it costs about a millisecond. */
  estimate<Input>(definition: ExportDefinition<Input>, input: Input, owner: ExportOwner): Promise<number>
  /** Deletes what has expired, once. */
  upkeep(): Promise<UpkeepDone>
  /** From now on once a minute. */
  start(): Promise<void>
  /** Ends what it does in the background, and what runs here; queue, pool and store stay open. */
  close(): Promise<void>
}
