import type { Pool } from 'pg'
import { prepareTables, type Transaction } from '../../data/index.ts'
import { type LedgerStatements, ledgerStatements } from './ledger-sql.ts'
import type { ExportCoding, ExportFormat, OneSnapshot } from './parts/index.ts'

export type ExportState = 'queued' | 'running' | 'done' | 'failed' | 'cancelled' | 'expired'

/** How far an export is, at the end of its last durable part. */
export interface ExportProgress {
  readonly parts: number
  readonly rows: number
  /** As they are kept. */
  readonly bytes: number
  /** Before compression. */
  readonly rawBytes: number
  /** CRC-32 of the raw bytes. */
  readonly crc: number
  /** The key of the last row. */
  readonly position: readonly string[] | null
}

/** An export as it stands in the database. Times are of the database's clock, in milliseconds since the epoch. */
export interface ExportRow extends ExportProgress {
  readonly id: string
  readonly name: string
  /** '' for none. */
  readonly tenant: string
  /** '' for none. */
  readonly owner: string
  /** JSON. */
  readonly input: string
  readonly format: ExportFormat
  readonly coding: ExportCoding
  readonly state: ExportState
  readonly job: string
  /** Grows with each change. */
  readonly version: number
  readonly run: number
  /** Of an export that has one for all of its rows. */
  readonly snapshot: OneSnapshot | null
  readonly estimatedRows: number | null
  readonly error: ExportFault | null
  /** Its files are gone. */
  readonly swept: boolean
  readonly createdAtMs: number
  readonly changedAtMs: number
  readonly startedAtMs: number | null
  readonly finishedAtMs: number | null
  readonly expiresAtMs: number | null
  /** When this was read. */
  readonly nowMs: number
}

/** An export that counts against a limit. */
export interface Occupant extends ExportRow {
  /** When its files are deleted; null while that is not known. */
  readonly sweepAtMs: number | null
}

/** Why an export failed, for those who run the service. */
export interface ExportFault {
  readonly name: string
  readonly code?: string | undefined
  readonly message: string
}

export interface PartFile {
  readonly file: string
  readonly bytes: number
}

export type NewExport = Pick<
  ExportRow,
  'id' | 'name' | 'tenant' | 'owner' | 'input' | 'format' | 'coding' | 'job'
>

/** How long files and rows outlive their use, in milliseconds. */
export interface Afterlife {
  /** Files of an export that has expired: somebody may be reading them. */
  readonly filesMs: number
  /** The row, after the files: who asks is told that the export has expired, rather than that there is none. */
  readonly rowMs: number
}

/** What is known of exports, in PostgreSQL, where all processes see it. Each change is one statement. */
export class ExportLedger {
  readonly #pool: Pool
  readonly #schema: string | undefined
  readonly #sql: LedgerStatements
  readonly #afterlife: Afterlife
  readonly #onChange: (id: string) => void

  /** @param onChange told of each change that this process makes */
  constructor (pool: Pool, schema: string | undefined, afterlife: Afterlife, onChange: (id: string) => void) {
    this.#pool = pool
    this.#schema = schema
    this.#sql = ledgerStatements(schema)
    this.#afterlife = afterlife
    this.#onChange = onChange
  }

  prepare (): Promise<void> {
    const { versions } = this.#sql
    return prepareTables(this.#pool, { part: 'exports', schema: this.#schema, versions })
  }

  /** What a tenant, or a user without one, has now. Until the transaction ends, nobody else asks for the same one. */
  async usage (
    tx: Transaction,
    tenant: string,
    owner: string
  ): Promise<{ readonly open: number; readonly bytes: number }> {
    const subject = [tenant, tenant === '' ? owner : '']
    await tx.query(this.#sql.lockSubject, subject)
    const { rows: [usage] } = await tx.query<{ open: number; bytes: number }>(this.#sql.usage, [
      tenant,
      owner,
    ])
    return usage!
  }

  /** What is counted in {@link usage}, each by itself; of more than 10,000 some. */
  async occupants (tx: Transaction, tenant: string, owner: string): Promise<readonly Occupant[]> {
    return (await tx.query<Occupant>(this.#sql.occupants, [tenant, owner])).rows
  }

  async create (tx: Transaction, row: NewExport): Promise<ExportRow> {
    const { id, name, tenant, owner, input, format, coding, job } = row
    const values = [id, name, tenant, owner, input, format, coding, job]
    return (await tx.query<ExportRow>(this.#sql.create, values)).rows[0]!
  }

  /** Begins a run, after which no earlier one writes any more. @returns undefined when there is nothing to do */
  begin (id: string): Promise<ExportRow | undefined> {
    return this.#change(id, this.#sql.begin, [id])
  }

  /** Notes what is known meanwhile. @returns whether the run is still the latest, and wanted */
  async note (
    { id, run }: Pick<ExportRow, 'id' | 'run'>,
    { snapshot, estimatedRows, rows, rawBytes }: Partial<
      Pick<ExportRow, 'snapshot' | 'estimatedRows' | 'rows' | 'rawBytes'>
    >
  ): Promise<boolean> {
    const values = [id, run, jsonOf(snapshot), estimatedRows ?? null, rows ?? null, rawBytes ?? null]
    return this.#changes(id, this.#sql.note, values)
  }

  /**
   * Records a part that is durable, and what comes after it.
   *
   * @param keepMs for the last part: how long the files are kept
   * @returns whether it was recorded: the run is still the latest, and wanted
   */
  checkpoint (
    { id, run }: Pick<ExportRow, 'id' | 'run'>,
    part: PartFile & { readonly rows: number },
    next: ExportProgress,
    keepMs: number | undefined
  ): Promise<boolean> {
    const { parts, rows, bytes, rawBytes, crc, position } = next
    return this.#changes(id, this.#sql.checkpoint, [
      id,
      run,
      parts - 1,
      rows,
      bytes,
      rawBytes,
      crc,
      jsonOf(position),
      keepMs ?? null,
      this.#afterlife.filesMs,
      part.file,
      part.rows,
      part.bytes,
    ])
  }

  /**
   * @param run only if it is still the latest; undefined: whatever the latest is
   * @param keepMs how long its parts are kept, from which another run can go on
   */
  fail (
    id: string,
    run: number | undefined,
    fault: ExportFault,
    keepMs: number
  ): Promise<ExportRow | undefined> {
    return this.#change(id, this.#sql.fail, [id, run ?? null, jsonOf(fault), keepMs])
  }

  /** Cancels an export that is open, or ends the life of one that is over. @returns undefined where there is none */
  end (id: string): Promise<ExportRow | undefined> {
    return this.#change(id, this.#sql.end, [id, this.#afterlife.filesMs])
  }

  async read (id: string): Promise<ExportRow | undefined> {
    return (await this.#pool.query<ExportRow>(this.#sql.read, [id])).rows[0]
  }

  async versions (
    ids: readonly string[]
  ): Promise<readonly { readonly id: string; readonly version: number; readonly open: boolean }[]> {
    return (await this.#pool.query(this.#sql.readVersions, [ids])).rows as never
  }

  /** The files with something in them, in their order. */
  async parts (id: string): Promise<readonly PartFile[]> {
    return (await this.#pool.query<PartFile>(this.#sql.parts, [id])).rows
  }

  /**
   * Exports whose files, or whose rows when the files are gone, are to be deleted now; nobody else gets them for a
   * while.
   */
  async takeDue (limit: number, withinMs: number): Promise<readonly Pick<ExportRow, 'id' | 'swept'>[]> {
    return (await this.#pool.query<ExportRow>(this.#sql.takeDue, [limit, withinMs])).rows
  }

  swept (id: string): Promise<boolean> {
    return this.#changes(id, this.#sql.swept, [id, this.#afterlife.rowMs])
  }

  forget (id: string): Promise<boolean> {
    return this.#changes(id, this.#sql.forget, [id])
  }

  /** Exports that should be under way, and have not been heard of for long; nobody else gets them for as long. */
  async stale (forMs: number, limit: number): Promise<readonly Pick<ExportRow, 'id' | 'job'>[]> {
    return (await this.#pool.query<ExportRow>(this.#sql.stale, [forMs, limit])).rows
  }

  async #change (id: string, text: string, values: readonly unknown[]): Promise<ExportRow | undefined> {
    const { rows: [row] } = await this.#pool.query<ExportRow>(text, [...values])
    if (row !== undefined) this.#onChange(id)
    return row
  }

  async #changes (id: string, text: string, values: readonly unknown[]): Promise<boolean> {
    const { rowCount } = await this.#pool.query(text, [...values])
    if (rowCount === 1) this.#onChange(id)
    return rowCount === 1
  }
}

function jsonOf (value: unknown): string | null {
  return value === undefined || value === null ? null : JSON.stringify(value)
}
