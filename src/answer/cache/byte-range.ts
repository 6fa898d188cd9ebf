/** Bytes from `first` up to and with `last`. */
export interface ByteRange {
  readonly first: number
  readonly last: number
}

const single = /^bytes=(\d{0,15})-(\d{0,15})$/i

/**
 * Reads a `Range` of one part.
 *
 * @param length of the whole
 * @returns `'ignore'` for what may be answered with the whole: several parts, other units, nonsense;
 *   `'unsatisfiable'` for one that lies beyond the end
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-14.1.2
 */
export function readRange (header: string, length: number): ByteRange | 'ignore' | 'unsatisfiable' {
  const [, from = '', to = ''] = single.exec(header.replaceAll(/[\t ]/g, '')) ?? []
  if (from === '') {
    if (to === '') return 'ignore'
    const wanted = Math.min(Number(to), length)
    return wanted === 0 ? 'unsatisfiable' : { first: length - wanted, last: length - 1 }
  }
  const first = Number(from)
  const last = to === '' ? length - 1 : Number(to)
  if (to !== '' && last < first) return 'ignore'
  return first >= length ? 'unsatisfiable' : { first, last: Math.min(last, length - 1) }
}
