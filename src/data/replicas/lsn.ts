/**
 * A position in PostgreSQL's write-ahead log, in bytes from its beginning.
 *
 * @see https://www.postgresql.org/docs/18/datatype-pg-lsn.html
 */
export type Lsn = bigint

/** Where a server's history stood. Positions of different timelines say nothing about each other's data. */
export interface WalPosition {
  /** Rises by one when a standby is promoted. */
  readonly timeline: number
  readonly lsn: Lsn
}

const written = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i

/** @throws TypeError for text that is not a position as PostgreSQL writes it, e.g. `16/B374D848` */
export function parseLsn (text: string): Lsn {
  const [, high, low] = written.exec(text) ?? []
  if (high === undefined) throw new TypeError(`"${text}" is not a position in a write-ahead log`)
  return BigInt(`0x${high}`) << 32n | BigInt(`0x${low}`)
}

/**
 * The earliest position of a standby that has replayed all that the primary had written before `insert`.
 *
 * `insert` is where the next record will begin: behind the header of its page, when the last one ended exactly at the
 * page's end. A standby then stands at the page's start, and would never get to `insert` while nothing is written.
 * No record begins and ends within the first bytes of a page, so that taking them off leaves no record out.
 *
 * @param insert of `pg_current_wal_insert_lsn()`
 * @param pageBytes of `wal_block_size`
 * @see https://github.com/postgres/postgres/blob/REL_18_STABLE/src/include/access/xlog_internal.h
 */
export function replayTarget (insert: Lsn, pageBytes: number): Lsn {
  const offset = insert % BigInt(pageBytes)
  return offset <= longestPageHeader ? insert - offset : insert
}

/** Bytes: that of the first page of a segment. The other pages' is 24, and the shortest record 24. */
const longestPageHeader = 40n
