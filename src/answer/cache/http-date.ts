const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const fixed = /^(\w{3}), (\d{2}) (\w{3}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/

/**
 * Reads a date of HTTP in the one form that may be sent; older forms are taken for no date.
 *
 * @returns milliseconds since the epoch
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7
 */
export function readHttpDate (text: string | undefined): number | undefined {
  const parts = text === undefined ? null : fixed.exec(text)
  if (parts === null) return undefined
  const [, day, date, month, year, hour, minute, second] = parts as unknown as string[]
  const at = months.indexOf(month ?? '')
  if (at < 0) return undefined
  const ms = Date.UTC(Number(year), at, Number(date), Number(hour), Number(minute), Number(second))
  const weekday = days[new Date(ms).getUTCDay()]
  return weekday === day && new Date(ms).getUTCDate() === Number(date) ? ms : undefined
}
