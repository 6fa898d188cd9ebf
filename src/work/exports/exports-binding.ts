import type { Pool } from 'pg'
import type { Logger } from '../../telemetry/index.ts'

/** One run of a job that makes an export. */
export interface ExportRunner {
  readonly signal: AbortSignal
  readonly isLastAttempt: boolean
  readonly logger: Logger
}

/** What becomes of a run: the export is made; its turn is over; or it is not wanted any more. */
export type RunEnd = 'done' | 'more' | 'over'

/** Who makes exports, as their jobs see them. */
export interface ExportMaker {
  perform(id: string, runner: ExportRunner): Promise<RunEnd>
}

/** Of this process, by the pool that their jobs work on. */
const makers = new WeakMap<Pool, ExportMaker>()

export function bindExports (pool: Pool, maker: ExportMaker): void {
  makers.set(pool, maker)
}

export function unbindExports (pool: Pool, maker: ExportMaker): void {
  if (makers.get(pool) === maker) makers.delete(pool)
}

export function exportsOn (pool: Pool): ExportMaker {
  const maker = makers.get(pool)
  if (maker !== undefined) return maker
  throw new Error(
    'no exports are open in this process on the pool of its jobs: await openExports({ pool, jobs }) first'
  )
}
