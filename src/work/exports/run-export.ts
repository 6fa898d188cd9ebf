import type { Readable } from 'node:stream'
import { crc32 } from 'node:zlib'
import type { Pool } from 'pg'
import { exportRows, type StreamQuery } from '../../data/index.ts'
import { type Clock, finishing } from '../../kernel/index.ts'
import type { ExportDefinition } from './define-export.ts'
import { estimateRows } from './estimate-rows.ts'
import type { ExportOwner } from './export-options.ts'
import type { RunEnd } from './exports-binding.ts'
import type { ExportLedger, ExportProgress, ExportRow } from './ledger.ts'
import type { ExportMetrics } from './metrics.ts'
import {
  encodePart,
  ExportKeyError,
  keyedQuery,
  lastKey,
  nullKeyQuery,
  type RawTotals,
  readSnapshot,
  RowCounter,
  rowsOfNextPart,
  sameKeyQuery,
} from './parts/index.ts'
import type { FileStore } from './store/index.ts'

/** What a run works with. */
export interface RunParts {
  readonly ledger: ExportLedger
  readonly store: FileStore
  /** Where rows are read. */
  readonly pool: Pool
  readonly metrics: ExportMetrics
  readonly clock: Clock
}

/** Progress of an export that is one part is noted so often. */
const noteEveryMs = 2_000

/**
 * Makes an export, or what is left of it: reads rows, writes them to files, and records each file once it is
 * durable. Whatever happens, what is recorded is there, and the next run goes on after it.
 *
 * Another run may have begun meanwhile, or the export be cancelled: then nothing more is recorded, and the run ends.
 */
export async function runExport (
  row: ExportRow,
  definition: ExportDefinition,
  parts: RunParts,
  signal: AbortSignal
): Promise<RunEnd> {
  const query = definition.query(JSON.parse(row.input), ownerOf(row))
  const run = new ExportRun(row, definition, query, parts, signal)
  return definition.key === undefined ? run.inOnePart() : run.byKey(definition.key)
}

export function ownerOf ({ tenant, owner }: Pick<ExportRow, 'tenant' | 'owner'>): ExportOwner {
  return { ...(tenant === '' ? {} : { tenant }), ...(owner === '' ? {} : { user: owner }) }
}

/** Rows that go by, counted. */
class Tally implements RawTotals {
  readonly counter: RowCounter
  crc: number
  rawBytes: number

  constructor (counter: RowCounter, { crc, rawBytes }: RawTotals) {
    this.counter = counter
    this.crc = crc
    this.rawBytes = rawBytes
  }

  async *pass (source: Readable, signal: AbortSignal): AsyncGenerator<Buffer> {
    const stop = (): void => void source.destroy(signal.reason as Error)
    signal.addEventListener('abort', stop, { once: true })
    try {
      signal.throwIfAborted()
      for await (const piece of source) {
        const passed = this.counter.add(piece as Buffer)
        this.crc = crc32(passed, this.crc)
        this.rawBytes += passed.length
        if (passed.length > 0) yield passed
      }
    } finally {
      signal.removeEventListener('abort', stop)
      source.destroy()
    }
  }
}

class ExportRun {
  readonly #row: ExportRow
  readonly #definition: ExportDefinition
  readonly #query: StreamQuery
  readonly #parts: RunParts
  readonly #signal: AbortSignal
  #progress: ExportProgress

  constructor (
    row: ExportRow,
    definition: ExportDefinition,
    query: StreamQuery,
    parts: RunParts,
    signal: AbortSignal
  ) {
    this.#row = row
    this.#definition = definition
    this.#query = query
    this.#parts = parts
    this.#signal = signal
    this.#progress = row
  }

  async byKey (key: readonly string[]): Promise<RunEnd> {
    const { clock, ledger, pool, metrics } = this.#parts
    const begunAtMs = clock.now()
    if (this.#progress.parts > 0) metrics.resumed.add(1)
    else {
      await this.#refuseNullKeys(key)
      if (!await ledger.note(this.#row, { estimatedRows: await estimateRows(this.#parts.pool, this.#query) }))
        return 'over'
    }
    for (;;) {
      this.#signal.throwIfAborted()
      const before = this.#progress
      const limit = rowsOfNextPart(before, this.#definition.partBytes)
      const query = keyedQuery(this.#query, key, before.position ?? undefined, limit)
      const { format } = this.#row
      const tally = new Tally(new RowCounter(format, before.parts > 0), before)
      const isLast = (): boolean => tally.counter.rows < limit
      const recorded = await this.#write(
        await exportRows(pool, query, { format }),
        tally,
        isLast,
        async () => {
          if (isLast()) return before.position
          const position = lastKey(this.#row.name, tally.counter, key)
          await this.#refuseSameKeys(key, position)
          return position
        }
      )
      if (!recorded) return 'over'
      if (isLast()) return 'done'
      if (clock.now() - begunAtMs >= this.#definition.turnMs) return 'more'
    }
  }

  async inOnePart (): Promise<RunEnd> {
    const { ledger, pool, clock } = this.#parts
    const estimatedRows = await estimateRows(this.#parts.pool, this.#query)
    const { rows, snapshot } = await readSnapshot(pool, this.#query, this.#row.format)
    const tally = new Tally(new RowCounter(this.#row.format, false), this.#progress)
    let isWanted = true
    const note = async (more: Parameters<ExportLedger['note']>[1]): Promise<void> => {
      isWanted = await ledger.note(this.#row, more)
      // It ends the write, too.
      if (!isWanted) rows.destroy(new Error('the export is not wanted any more'))
    }
    const cancel = clock.every(noteEveryMs, () => {
      note({ rows: tally.counter.rows, rawBytes: tally.rawBytes }).catch(() => {}) // the next one may succeed
    })
    try {
      return await reading(rows, async () => {
        await note({ snapshot, estimatedRows })
        return await this.#write(rows, tally, () => true, async () => null) ? 'done' : 'over'
      })
    } catch (error) {
      if (isWanted) throw error
      return 'over'
    } finally {
      cancel()
    }
  }

  /** @returns whether the part was recorded */
  async #write (
    source: Readable,
    tally: Tally,
    isLast: () => boolean,
    positionAfter: () => Promise<readonly string[] | null>
  ): Promise<boolean> {
    const { store, ledger, metrics } = this.#parts
    const { id, run, coding } = this.#row
    const before = this.#progress
    const file = `${id}/${run}-${before.parts}`
    const encoded = encodePart(tally.pass(source, this.#signal), coding, {
      isFirst: before.parts === 0,
      totals: () => isLast() ? tally : undefined,
    })
    const bytes = await reading(source, () => store.write(file, encoded, this.#signal))
    const { rows } = tally.counter
    const next: ExportProgress = {
      parts: before.parts + 1,
      rows: before.rows + rows,
      bytes: before.bytes + bytes,
      rawBytes: tally.rawBytes,
      crc: tally.crc,
      position: await positionAfter(),
    }
    const keepMs = isLast() ? this.#definition.keepMs : undefined
    const recorded = await finishing(() => ledger.checkpoint(this.#row, { file, rows, bytes }, next, keepMs))
    if (!recorded) {
      await finishing(() => this.#leave(file))
      return false
    }
    this.#progress = next
    metrics.parts.add(1)
    metrics.rows.add(rows)
    metrics.bytes.add(bytes)
    return true
  }

  /**
   * A file that was not recorded stays, to be deleted with the export: no record may ever be without its file. Those of
   * the export may be gone already, after a pause that was long; then nobody would come for this one.
   */
  async #leave (file: string): Promise<void> {
    const { ledger, store } = this.#parts
    const row = await ledger.read(this.#row.id)
    if (row === undefined || row.swept) await store.delete([file])
  }

  async #refuseNullKeys (key: readonly string[]): Promise<void> {
    const { text, values = [] } = nullKeyQuery(this.#query, key)
    const { rowCount } = await this.#parts.pool.query(text, [...values])
    if (rowCount !== 0) throw new ExportKeyError(this.#row.name, 'in some rows it is NULL')
  }

  async #refuseSameKeys (key: readonly string[], position: readonly string[]): Promise<void> {
    const { text, values = [] } = sameKeyQuery(this.#query, key, position)
    const { rowCount } = await this.#parts.pool.query(text, [...values])
    if (rowCount !== null && rowCount > 1)
      throw new ExportKeyError(this.#row.name, 'some rows have the same one')
  }
}

/** Whatever comes of the work, even before the first row, the source gives its connection back. */
async function reading<Result> (source: Readable, work: () => Promise<Result>): Promise<Result> {
  source.on('error', () => {}) // whoever reads it hears of it as well
  try {
    return await work()
  } finally {
    source.destroy()
  }
}
