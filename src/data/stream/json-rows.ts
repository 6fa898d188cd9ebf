import type { ColumnForm } from './column-form.ts'
import type { RowWriter } from './row-writer.ts'

export interface JsonColumn {
  readonly name: string
  readonly form: ColumnForm
}

const tab = 9
const newline = 10
const space = 32
const quote = 34
const plus = 43
const minus = 45
const zero = 48
const nine = 57
const colon = 58
const capitalN = 78
const capitalT = 84
const backslash = 92
const lowerN = 110
const lowerR = 114
const lowerT = 116
const lowerV = 118
const closing = 125

const hexDigits = Buffer.from('0123456789abcdef')
const trueText = Buffer.from('true')
const falseText = Buffer.from('false')
const nullText = Buffer.from('null')
const verticalTab = Buffer.from('\\u000b')

/** The most that one byte becomes: a control character, `\u0001`. */
const mostPerByte = 6
const pieceBytes = 128 * 1024

/**
 * Turns rows in the text format of `COPY` into lines of JSON, byte by byte: nothing becomes a JavaScript value on the
 * way. That is possible because what `COPY` escapes (backslash, newline, return, tab, backspace, form feed) is written as
 * JSON writes it.
 *
 * @see https://www.postgresql.org/docs/18/sql-copy.html#SQL-COPY-FILE-FORMATS
 */
export class JsonRows implements RowWriter {
  readonly #heads: readonly Buffer[]
  readonly #forms: readonly ColumnForm[]
  /** What a row takes beside its values. */
  readonly #rowBytes: number
  #out = Buffer.allocUnsafe(pieceBytes)
  #at = 0

  constructor (columns: readonly JsonColumn[]) {
    this.#heads = columns.map(({ name }, at) =>
      Buffer.from(`${at === 0 ? '{' : ','}${JSON.stringify(name)}:`)
    )
    this.#forms = columns.map(({ form }) => form)
    this.#rowBytes = this.#heads.reduce((sum, { length }) => sum + length + 16, 8)
  }

  get bytes (): number {
    return this.#at
  }

  take (): Buffer {
    const piece = this.#out.subarray(0, this.#at)
    this.#out = Buffer.allocUnsafe(pieceBytes)
    this.#at = 0
    return piece
  }

  add (row: Buffer): void {
    this.#makeRoom(row.length * mostPerByte + this.#rowBytes)
    const heads = this.#heads
    const end = row.length - 1
    let from = 0
    for (let column = 0; column < heads.length; column++) {
      this.#put(heads[column]!)
      from = this.#value(row, from, end, this.#forms[column]!) + 1
    }
    this.#out[this.#at++] = closing
    this.#out[this.#at++] = newline
  }

  /** Writes the value that begins at `from`. @returns where it ends: at a tab, or at the row's newline */
  #value (row: Buffer, from: number, end: number, form: ColumnForm): number {
    const first = row[from]
    if (first === backslash && row[from + 1] === capitalN) {
      this.#put(nullText)
      return from + 2
    }
    switch (form) {
      case 'integer':
        return this.#plain(row, from, end)
      case 'number':
        return isNumber(row, from) ? this.#plain(row, from, end) : this.#text(row, from, end)
      case 'boolean':
        this.#put(first === lowerT ? trueText : falseText)
        return from + 1
      case 'json':
        return this.#json(row, from, end)
      case 'timestamp':
        return this.#timestamp(row, from, end)
      case 'text':
        return this.#text(row, from, end)
    }
  }

  #plain (row: Buffer, from: number, end: number): number {
    const out = this.#out
    let to = this.#at
    let at = from
    for (; at < end; at++) {
      const byte = row[at]!
      if (byte === tab) break
      out[to++] = byte
    }
    this.#at = to
    return at
  }

  #text (row: Buffer, from: number, end: number): number {
    const out = this.#out
    let to = this.#at
    let at = from
    out[to++] = quote
    for (; at < end; at++) {
      const byte = row[at]!
      if (byte > backslash || (byte >= space && byte !== quote && byte !== backslash)) out[to++] = byte
      else if (byte === tab) break
      else if (byte === quote) {
        out[to++] = backslash
        out[to++] = quote
      } else if (byte === backslash) {
        const escaped = row[++at]!
        if (escaped === lowerV) {
          out.set(verticalTab, to)
          to += verticalTab.length
        } else {
          out[to++] = backslash
          out[to++] = escaped
        }
      } else {
        out.write('\\u00', to, 'latin1')
        out[to + 4] = hexDigits[byte >> 4]!
        out[to + 5] = hexDigits[byte & 15]!
        to += 6
      }
    }
    out[to++] = quote
    this.#at = to
    return at
  }

  /** JSON as it was stored: its backslashes come doubled, and line breaks between its parts become spaces. */
  #json (row: Buffer, from: number, end: number): number {
    const out = this.#out
    let to = this.#at
    let at = from
    for (; at < end; at++) {
      const byte = row[at]!
      if (byte === tab) break
      if (byte !== backslash) out[to++] = byte
      else {
        const escaped = row[++at]!
        out[to++] = escaped === lowerN || escaped === lowerR || escaped === lowerT ? space : escaped
      }
    }
    this.#at = to
    return at
  }

  /** `2026-01-02 03:04:05.678901+00` as `"2026-01-02T03:04:05.678901+00:00"`; `infinity` as it is. */
  #timestamp (row: Buffer, from: number, end: number): number {
    const out = this.#out
    let to = this.#at
    let at = from
    let hasTime = false
    out[to++] = quote
    for (; at < end; at++) {
      const byte = row[at]!
      if (byte === tab) break
      if (byte === space && !hasTime) {
        hasTime = true
        out[to++] = capitalT
      } else out[to++] = byte
    }
    const sign = row[at - 3]
    if (hasTime && (sign === plus || sign === minus)) {
      out[to++] = colon
      out[to++] = zero
      out[to++] = zero
    }
    out[to++] = quote
    this.#at = to
    return at
  }

  #put (text: Buffer): void {
    const out = this.#out
    let to = this.#at
    // Names are short: cheaper than a call.
    for (let at = 0; at < text.length; at++) out[to++] = text[at]!
    this.#at = to
  }

  #makeRoom (needed: number): void {
    if (this.#out.length - this.#at >= needed) return
    const larger = Buffer.allocUnsafe(this.#at + Math.max(needed, pieceBytes))
    this.#out.copy(larger, 0, 0, this.#at)
    this.#out = larger
  }
}

/** Not NaN, Infinity or -Infinity. */
function isNumber (row: Buffer, from: number): boolean {
  const first = row[from] === minus ? row[from + 1] : row[from]
  return first !== undefined && first >= zero && first <= nine
}
