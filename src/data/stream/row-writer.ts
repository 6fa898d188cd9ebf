/** Collects rows as `COPY` sends them, one a message with its newline, into pieces of output. */
export interface RowWriter {
  /** Bytes that wait to be taken. */
  readonly bytes: number
  /** @param row is read at once: its memory is used again for the next ones */
  add(row: Buffer): void
  /** What has been added since the last call. */
  take(): Buffer
}

const pieceBytes = 128 * 1024

/** Rows as they are. */
export class PlainRows implements RowWriter {
  #out = Buffer.allocUnsafe(pieceBytes)
  #at = 0

  get bytes (): number {
    return this.#at
  }

  add (row: Buffer): void {
    if (this.#out.length - this.#at < row.length) {
      const larger = Buffer.allocUnsafe(this.#at + Math.max(row.length, pieceBytes))
      this.#out.copy(larger, 0, 0, this.#at)
      this.#out = larger
    }
    row.copy(this.#out, this.#at)
    this.#at += row.length
  }

  take (): Buffer {
    const piece = this.#out.subarray(0, this.#at)
    this.#out = Buffer.allocUnsafe(pieceBytes)
    this.#at = 0
    return piece
  }
}
