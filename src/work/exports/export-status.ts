import { type TSchema, Type } from 'typebox'
import type { ExportRow, ExportState } from './ledger.ts'
import type { ExportCoding, ExportFormat, OneSnapshot } from './parts/index.ts'

/** How an export stands, as its owner is told. Times are ISO 8601. */
export interface ExportStatus {
  readonly id: string
  /** Which export it is. */
  readonly export: string
  readonly state: ExportState
  readonly format: ExportFormat
  readonly coding: ExportCoding
  readonly createdAt: string
  readonly startedAt?: string
  readonly finishedAt?: string
  readonly expiresAt?: string
  /** Parts that are durable: what a crash cannot take back. */
  readonly parts: number
  /** So far. */
  readonly rows: number
  /** Of the file so far, as it is kept. */
  readonly bytes: number
  /** How far it is, 0 to 1, by the planner's estimate. */
  readonly share?: number
  /** Which state of the database the rows show. */
  readonly snapshot?:
    | { readonly kind: 'one'; readonly meaning: string } & OneSnapshot
    | { readonly kind: 'by part'; readonly meaning: string; readonly from: string; readonly to: string }
  /** Where the file is, once the export is done. */
  readonly url?: string
  readonly error?: { readonly code: string; readonly message: string }
}

const time: TSchema = Type.String({ format: 'date-time' })

/** Of {@link ExportStatus}, for the description of routes. */
export const exportStatusSchema: TSchema = Type.Object({
  id: Type.String({ format: 'uuid' }),
  export: Type.String({ description: 'Which export it is.' }),
  state: Type.Enum(['queued', 'running', 'done', 'failed', 'cancelled', 'expired']),
  format: Type.String(),
  coding: Type.String({ description: 'How the file is compressed, as in Content-Encoding.' }),
  createdAt: time,
  startedAt: Type.Optional(time),
  finishedAt: Type.Optional(time),
  expiresAt: Type.Optional(time),
  parts: Type.Integer({ description: 'Parts that are durable.' }),
  rows: Type.Integer({ description: 'So far.' }),
  bytes: Type.Integer({ description: 'Of the file so far, as it is kept.' }),
  share: Type.Optional(Type.Number({ description: 'How far it is, 0 to 1, by an estimate.' })),
  snapshot: Type.Optional(Type.Object({
    kind: Type.Enum(['one', 'by part']),
    meaning: Type.String({ description: 'Which state of the database the rows show.' }),
    at: Type.Optional(time),
    lsn: Type.Optional(Type.String()),
    transactions: Type.Optional(Type.String()),
    from: Type.Optional(time),
    to: Type.Optional(time),
  })),
  url: Type.Optional(Type.String({ description: 'Where the file is, once the export is done.' })),
  error: Type.Optional(Type.Object({ code: Type.String(), message: Type.String() })),
})

/** @param path of the exports, e.g. `/exports` */
export function statusOf (row: ExportRow, path: string): ExportStatus {
  const { state, startedAtMs, finishedAtMs, expiresAtMs } = row
  return {
    id: row.id,
    export: row.name,
    state,
    format: row.format,
    coding: row.coding,
    createdAt: timeOf(row.createdAtMs),
    ...(startedAtMs === null ? {} : { startedAt: timeOf(startedAtMs) }),
    ...(finishedAtMs === null ? {} : { finishedAt: timeOf(finishedAtMs) }),
    ...(expiresAtMs === null ? {} : { expiresAt: timeOf(expiresAtMs) }),
    parts: row.parts,
    rows: row.rows,
    bytes: row.bytes,
    ...shareOf(row),
    ...snapshotOf(row),
    ...(state === 'done' ? { url: `${path}/${row.id}/file` } : {}),
    ...(state === 'failed' ?
      { error: { code: 'EXPORT_FAILED', message: 'The export could not be made.' } } :
      {}),
  }
}

/** When it is worth another look, in whole seconds; undefined when nothing more happens. */
export function retryAfterSeconds (row: ExportRow): number | undefined {
  if (row.state === 'queued') return 2
  if (row.state !== 'running') return undefined
  // Looked at twice on the way to the end.
  return Math.min(30, Math.max(1, Math.ceil(leftMsOf(row) / 2_000)))
}

/** How long an export that runs still takes if it goes on as it has; as long again while it has no share. */
export function leftMsOf (row: ExportRow): number {
  const { share = 0 } = shareOf(row)
  const sinceMs = row.nowMs - (row.startedAtMs ?? row.nowMs)
  return share > 0 ? sinceMs * (1 - share) / share : sinceMs
}

function shareOf ({ state, rows, estimatedRows }: ExportRow): { readonly share?: number } {
  if (state === 'done' || state === 'expired') return { share: 1 }
  if (estimatedRows === null) return {}
  // An estimate is wrong: what is not done yet never says that it is.
  return { share: Math.min(0.99, Math.floor(100 * rows / Math.max(1, estimatedRows)) / 100) }
}

function snapshotOf (row: ExportRow): Pick<ExportStatus, 'snapshot'> {
  const { snapshot, startedAtMs, changedAtMs, finishedAtMs, state, parts } = row
  if (snapshot !== null) {
    const meaning = 'All rows are of one state of the database: what had been committed at `at`.'
    return { snapshot: { kind: 'one', meaning, ...snapshot } }
  }
  if (startedAtMs === null || parts === 0) return {}
  const meaning = 'Each row is as it was at the moment its part was read, between `from` and `to`.'
  const toMs = state === 'running' ? changedAtMs : finishedAtMs ?? changedAtMs
  return { snapshot: { kind: 'by part', meaning, from: timeOf(startedAtMs), to: timeOf(toMs) } }
}

function timeOf (ms: number): string {
  return new Date(ms).toISOString()
}
