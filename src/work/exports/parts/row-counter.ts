import type { ExportOptions } from '../../../data/index.ts'

export type ExportFormat = ExportOptions['format']

const newline = 10
const quote = 34
const none: Buffer = Buffer.alloc(0)

/**
 * Counts the rows of NDJSON or CSV that goes by in pieces of any size, and remembers the last one.
 *
 * In CSV the first row is the line of names: it is not counted, and may be taken out.
 */
export class RowCounter {
  readonly #format: ExportFormat
  readonly #dropsHeader: boolean
  #rows = 0
  #header: Buffer | undefined
  /** What came after the last end of a row. */
  #begun: Buffer[] = []
  #last: Buffer = none
  #isQuoted = false

  constructor (format: ExportFormat, dropsHeader: boolean) {
    this.#format = format
    this.#dropsHeader = dropsHeader
  }

  /** Rows that are whole. */
  get rows (): number {
    return this.#rows
  }

  /** The line of names, of CSV. */
  get header (): Buffer | undefined {
    return this.#header
  }

  /** The last row that was counted, without its line break; empty before the first. It shares memory with its piece. */
  get last (): Buffer {
    return this.#last
  }

  /** @returns what is to be passed on of the piece */
  add (piece: Buffer): Buffer {
    let passed = piece
    let from = 0
    for (let end = this.#endOfRow(piece, 0); end !== -1; end = this.#endOfRow(piece, from)) {
      const row = this.#begun.length === 0 ?
        piece.subarray(from, end) :
        Buffer.concat([...this.#begun, piece.subarray(from, end)])
      this.#begun = []
      from = end + 1
      if (this.#format === 'csv' && this.#header === undefined) {
        this.#header = row
        if (this.#dropsHeader) passed = piece.subarray(from)
      } else {
        this.#rows++
        this.#last = row
      }
    }
    if (from < piece.length) this.#begun.push(piece.subarray(from))
    const isInHeader = this.#format === 'csv' && this.#header === undefined
    return isInHeader && this.#dropsHeader ? none : passed
  }

  #endOfRow (piece: Buffer, from: number): number {
    if (this.#format === 'ndjson') return piece.indexOf(newline, from)
    for (let at = from; at < piece.length; at++) {
      const byte = piece[at]
      // A doubled quote inside quotes is an end and a beginning.
      if (byte === quote) this.#isQuoted = !this.#isQuoted
      else if (byte === newline && !this.#isQuoted) return at
    }
    return -1
  }
}
