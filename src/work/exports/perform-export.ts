import { finishing } from '../../kernel/index.ts'
import type { ExportDefinition } from './define-export.ts'
import type { ExportRunner, RunEnd } from './exports-binding.ts'
import type { ExportFault, ExportRow } from './ledger.ts'
import { runExport, type RunParts } from './run-export.ts'

export interface PerformParts extends RunParts {
  readonly definitions: ReadonlyMap<string, ExportDefinition>
  /** How long the parts of an export that failed are kept. */
  readonly failedKeepMs: number
}

/** Why a run ends whose process closes its exports: the rest is for another process. */
export const closedCode = 'EXPORTS_CLOSED'

/** Reasons of a run's signal after which the same export goes on elsewhere, or later. */
const goesOn: ReadonlySet<unknown> = new Set(['JOB_WORKER_DRAINED', 'JOB_LEASE_LOST'])

/**
 * One run of the job that makes an export, and what its end means for the export.
 *
 * @param here aborts when the export is cancelled in this process, or, with {@link closedCode}, when it closes
 * @throws what made the run fail: whether there is another one, the queue decides
 */
export async function performExport (
  id: string,
  runner: ExportRunner,
  here: AbortSignal,
  parts: PerformParts
): Promise<RunEnd> {
  const row = await parts.ledger.begin(id)
  if (row === undefined) return 'over'
  const { logger } = runner
  try {
    const end = await runExport(row, definitionOf(row, parts), parts, AbortSignal.any([runner.signal, here]))
    if (end === 'done') await noteDone(row, runner, parts)
    return end
  } catch (error) {
    if (here.aborted) return codeOf(here.reason) === closedCode ? 'more' : 'over'
    const reason = runner.signal.aborted ? codeOf(runner.signal.reason) : undefined
    if (reason === 'JOB_CANCELLED') {
      await finishing(() => parts.ledger.end(id))
      throw error
    }
    if (!await isWanted(row, parts)) return 'over'
    if (!goesOn.has(reason) && (runner.isLastAttempt || isFinal(error))) {
      logger.error({ err: error, export: id }, `the export ${row.name} has failed`)
      parts.metrics.ended(row.name, 'failed')
      await finishing(() => parts.ledger.fail(id, row.run, faultOf(error), parts.failedKeepMs))
    }
    throw error
  }
}

async function noteDone (
  row: ExportRow,
  { logger }: ExportRunner,
  { ledger, metrics }: PerformParts
): Promise<void> {
  metrics.ended(row.name, 'done')
  const done = await ledger.read(row.id)
  if (done === undefined || done.finishedAtMs === null) return
  const tookMs = done.finishedAtMs - done.createdAtMs
  metrics.seconds.record(tookMs / 1_000)
  const { id, rows, parts, bytes } = done
  logger.info({ export: id, rows, parts, bytes, tookMs }, `the export ${row.name} is done`)
}

/**
 * Whether nobody has cancelled the export, and no later run has begun: then a failure of this one is nobody's
 * concern.
 */
async function isWanted ({ id, run }: ExportRow, { ledger }: PerformParts): Promise<boolean> {
  const now = await finishing(() => ledger.read(id)).catch(() => 'unknown' as const)
  return now === 'unknown' || (now?.state === 'running' && now.run === run)
}

/** By another release, whose exports this one does not know, or not any more. Another worker may. */
function definitionOf ({ name }: ExportRow, { definitions }: PerformParts): ExportDefinition {
  const definition = definitions.get(name)
  if (definition === undefined)
    throw new Error(`there is no export ${name} in this service: list it in the exports of openExports`)
  return definition
}

function isFinal (error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'retryable' in error && error.retryable === false
}

function codeOf (error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : undefined
}

function faultOf (error: unknown): ExportFault {
  const { name, message } = error instanceof Error ? error : new Error(String(error))
  // PostgreSQL's JSON has no NUL.
  return { name, code: codeOf(error), message: message.replaceAll('\0', '').slice(0, 2_000) }
}
