/** Collects rows as `COPY` sends them, one a message with its newline, into pieces of output. */
export interface RowWriter {
  /** Bytes that wait to be taken. */
  readonly bytes: number
  add(row: Buffer): void
  /** What has been added since the last call. */
  take(): Buffer
}

/** Rows as they are. */
export class PlainRows implements RowWriter {
  bytes = 0
  #rows: Buffer[] = []

  add (row: Buffer): void {
    this.#rows.push(row)
    this.bytes += row.length
  }

  take (): Buffer {
    const piece = Buffer.concat(this.#rows, this.bytes)
    this.#rows = []
    this.bytes = 0
    return piece
  }
}
