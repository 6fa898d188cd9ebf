import { type HeaderValue, textOf } from './own-directives.ts'

/**
 * `Vary` of a route's policy with that of one response, each name once.
 *
 * @returns undefined for none, `*` when the response says that
 */
export function mergedVary (names: readonly string[], own: HeaderValue): string | undefined {
  const merged = new Set(names)
  for (const name of textOf(own).toLowerCase().split(',')) if (name.trim() !== '') merged.add(name.trim())
  if (merged.has('*')) return '*'
  return merged.size === 0 ? undefined : [...merged].join(', ')
}
