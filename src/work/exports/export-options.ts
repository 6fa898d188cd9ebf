import type { Static, TSchema } from 'typebox'
import type { StreamQuery } from '../../data/index.ts'
import type { Bytes, Duration } from '../../kernel/index.ts'
import type { RetryOptions, Tier } from '../jobs/index.ts'
import type { ExportCoding, ExportFormat } from './parts/index.ts'

/** Whose export it is: only they see it. What is left out is nobody's in particular. */
export interface ExportOwner {
  readonly tenant?: string | undefined
  readonly user?: string | undefined
}

/** What an export is. */
export interface ExportOptions<Input extends TSchema> {
  /** What is asked for. Checked when an export is asked for. */
  readonly input: Input
  /**
   * The rows: one SELECT. It is made anew for each part, so it has to depend on nothing but its arguments.
   *
   * @param owner who asked. Rows of others are kept out by this query, and by nothing else.
   */
  readonly query: (input: Static<Input>, owner: ExportOwner) => StreamQuery
  /**
   * Columns of the query that are together unique and never NULL, and that an index is sorted by. Rows are read by
   * them, part by part: after a crash the export goes on after its last part, and no transaction is long; each row
   * is as it was when its part was read.
   * @default none: all rows are of one snapshot, in one file, in one transaction, from the start after a crash
   */
  readonly key?: string | readonly string[]
  /** Those that can be asked for, the default first. @default ['ndjson', 'csv'] */
  readonly formats?: readonly ExportFormat[]
  /** How the files are compressed. @default 'gzip' */
  readonly coding?: ExportCoding
  /** What a part has before compression, about; 1 MiB to 1 GiB. @default '32MiB' */
  readonly part?: Bytes
  /** How long it can be fetched, from when it is done; 1 s to 365 days. @default '24h' */
  readonly keep?: Duration
  /** What it is called where it is saved, without its ending. @default the export's name and the day */
  readonly fileName?: (input: Static<Input>) => string
  /** @default 'within-5m' */
  readonly tier?: Tier
  /**
   * When a run that failed is followed by another, which goes on after the last part.
   * @default 5 attempts, from '5s'
   */
  readonly retry?: RetryOptions
  /** Of one run. @default '1h' */
  readonly deadline?: Duration
  /**
   * After how long a run with a key ends at the end of its part, and queues behind what other tenants wait for.
   * @default '1m'
   */
  readonly turn?: Duration
  /** How many run at once for one tenant, over the whole fleet. @default no limit of its own */
  readonly cap?: number
}
