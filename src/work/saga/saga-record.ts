import { type CarriedContext, readCarried } from '../../kernel/index.ts'
import type { SagaData, SagaState, SagaStatus } from './machine/index.ts'

/** A saga as it is stored. */
export interface SagaRecord {
  readonly id: string
  readonly name: string
  readonly version: number
  readonly key: string
  readonly state: SagaState
  readonly data: SagaData
  /** Of the unit of work that started it. */
  readonly context: CarriedContext
  /** What to do about it, while it is parked. */
  readonly runbook: string | undefined
  readonly createdAt: Date
  readonly updatedAt: Date
  readonly endedAt: Date | undefined
  /** The server's clock when it was read, in milliseconds since the epoch. */
  readonly nowMs: number
}

/** One line of the audit trail. */
export interface SagaEvent {
  readonly seq: number
  readonly at: Date
  readonly kind: string
  readonly step: string | undefined
  /** Which process, or who. */
  readonly actor: string
  /** Of the unit of work that did it. */
  readonly traceId: string | undefined
  readonly detail: Readonly<Record<string, unknown>> | undefined
}

/** What {@link SagaRecord}s are listed by. */
export interface SagaFilter {
  readonly name?: string
  /** @default all */
  readonly statuses?: readonly SagaStatus[]
  /** Only those that were started before this one: its id. */
  readonly before?: string
  /** @default 50 */
  readonly limit?: number
}

export interface SagaRow {
  readonly id: string
  readonly name: string
  readonly version: number
  readonly key: string
  readonly state: SagaState
  readonly data: SagaData
  readonly context: unknown
  readonly runbook: string | null
  readonly created_at: Date
  readonly updated_at: Date
  readonly ended_at: Date | null
  readonly now_ms: number
}

export function recordOf (row: SagaRow): SagaRecord {
  const { id, name, version, key, state, data } = row
  return {
    id,
    name,
    version,
    key,
    state,
    data,
    context: readCarried(row.context),
    runbook: row.runbook ?? undefined,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    endedAt: row.ended_at ?? undefined,
    nowMs: row.now_ms,
  }
}
