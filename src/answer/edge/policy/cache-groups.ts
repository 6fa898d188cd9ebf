import { createHash } from 'node:crypto'

/** What each cache that knows groups must take: more of them, or longer ones, may be ignored. */
const guaranteed = { groups: 32, chars: 32 } as const

/**
 * Keys as the value of `Cache-Groups`: a structured list of strings. A longer key becomes its hash, and groups past
 * the 32nd are left out, since a cache may ignore them: a CDN's own keys are what purges rely on.
 *
 * @param keys of the alphabet of `EdgeKeys`, in which nothing needs an escape
 * @see https://www.rfc-editor.org/rfc/rfc9875#section-2
 */
export function cacheGroups (keys: readonly string[]): string {
  return keys.slice(0, guaranteed.groups).map((key) => `"${groupOf(key)}"`).join(', ')
}

/** For the field `Cache-Group-Invalidation` of a response to an unsafe request, write the same. */
function groupOf (key: string): string {
  if (key.length <= guaranteed.chars) return key
  return createHash('sha256').update(key).digest('base64url').slice(0, guaranteed.chars)
}
