import { type CacheControl, readCacheControl } from './cache-control.ts'
import type { CacheRequest } from './cache-request.ts'
import type { Entry } from './entry.ts'
import { textOf } from './storing.ts'

/** What a request asks for by its `Cache-Control`, or by `Pragma` where it has none. */
export function wishesOf ({ headers }: CacheRequest): CacheControl {
  const given = textOf(headers['cache-control'])
  return readCacheControl(
    given ?? (/no-cache/i.test(textOf(headers['pragma']) ?? '') ? 'no-cache' : undefined)
  )
}

/** Whether the client asks for something newer than what the route would give it. */
export function isDemanding (control: CacheControl | undefined): boolean {
  return control !== undefined &&
    (control.noCache || control.maxAge !== undefined || control.minFresh !== undefined)
}

/**
 * Whether an entry is new enough for a client.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9111#section-5.2.1
 */
export function pleases (entry: Entry, control: CacheControl | undefined, nowMs: number): boolean {
  if (control === undefined || !isDemanding(control)) return true
  const { noCache, maxAge, minFresh, maxStale } = control
  const isOld = maxAge !== undefined && (maxAge === 0 || nowMs - entry.madeMs > maxAge * 1_000)
  if (noCache || isOld) return false
  if (minFresh !== undefined && entry.freshUntilMs - nowMs < minFresh * 1_000) return false
  return nowMs < entry.freshUntilMs || maxStale !== undefined
}

/** Until when an entry may be served stale, to a client that may have said that it takes such. */
export function staleUntil (entry: Entry, control: CacheControl | undefined): number {
  const { maxStale } = control ?? {}
  if (maxStale === undefined || entry.stored.neverStale) return entry.staleUntilMs
  return Math.max(entry.staleUntilMs, entry.freshUntilMs + maxStale * 1_000)
}
