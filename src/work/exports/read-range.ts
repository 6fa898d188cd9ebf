/**
 * The one range that a client asks for; undefined for none, for several, and for what cannot be read: all of the
 * file is an answer to that. `none` where the range has no byte of the file.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-14.2
 */
export function readRange (
  header: string | undefined,
  bytes: number
): { readonly start: number; readonly end: number } | 'none' | undefined {
  const [, from, to] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '') ?? []
  if (from === undefined || to === undefined || (from === '' && to === '')) return undefined
  if (from === '')
    return Number(to) === 0 || bytes === 0 ?
      'none' :
      { start: Math.max(0, bytes - Number(to)), end: bytes - 1 }
  const start = Number(from)
  if (to !== '' && Number(to) < start) return undefined
  return start >= bytes ? 'none' : { start, end: to === '' ? bytes - 1 : Math.min(bytes - 1, Number(to)) }
}
