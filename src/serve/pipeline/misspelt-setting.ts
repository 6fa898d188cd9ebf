import type { RouteSettings } from './options.ts'

/** All that a route can say; other names in its `config` belong to other plugins. */
const settings = {
  behind: true,
  cache: true,
  compress: true,
  criticality: true,
  deadline: true,
  exempt: true,
  export: true,
  fields: true,
  formats: true,
  idempotency: true,
  limit: true,
  naming: true,
  respondAsync: true,
  stream: true,
  verify: true,
  versions: true,
} as const satisfies Record<keyof RouteSettings | 'export', true>

const names = Object.keys(settings)
/** So many letters that two words share make one a form of the other: `idempotent`, `critical`. */
const stemLetters = 8

/**
 * The setting that is probably meant by a name that is none: `limit` by `limits`, say. Such a name would be without
 * effect, and the route without its limit.
 *
 * @returns undefined for a setting, and for what is not nearly one
 */
export function misspeltSetting (name: string): string | undefined {
  if (Object.hasOwn(settings, name)) return undefined
  const word = name.toLowerCase()
  return names.find((known) => {
    const other = known.toLowerCase()
    const sharesStem = known.length > stemLetters && word.startsWith(other.slice(0, stemLetters))
    return sharesStem || isOneEditApart(word, other)
  })
}

/** One letter more, less or another, or two neighbours swapped; or the same. */
function isOneEditApart (one: string, other: string): boolean {
  let start = 0
  while (start < one.length && one[start] === other[start]) start++
  let end = 0
  const shorter = Math.min(one.length, other.length)
  while (end < shorter - start && one.at(-1 - end) === other.at(-1 - end)) end++
  const [left, right] = [one.slice(start, one.length - end), other.slice(start, other.length - end)]
  if (left.length <= 1 && right.length <= 1) return true
  return left.length === 2 && right.length === 2 && left[0] === right[1] && left[1] === right[0]
}
