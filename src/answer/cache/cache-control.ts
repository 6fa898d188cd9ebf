/** What a `Cache-Control` header says. Times in seconds. */
export interface CacheControl {
  readonly noStore: boolean
  readonly noCache: boolean
  readonly private: boolean
  /** `must-revalidate` or `proxy-revalidate`: never served stale. */
  readonly revalidate: boolean
  readonly onlyIfCached: boolean
  readonly maxAge: number | undefined
  readonly sharedMaxAge: number | undefined
  readonly staleWhileRevalidate: number | undefined
  readonly staleIfError: number | undefined
  /** Infinite when it is given without a number. */
  readonly maxStale: number | undefined
  readonly minFresh: number | undefined
}

const saysNothing: CacheControl = {
  noStore: false,
  noCache: false,
  private: false,
  revalidate: false,
  onlyIfCached: false,
  maxAge: undefined,
  sharedMaxAge: undefined,
  staleWhileRevalidate: undefined,
  staleIfError: undefined,
  maxStale: undefined,
  minFresh: undefined,
}

/** What cannot be read forbids everything. */
const unreadable: CacheControl = { ...saysNothing, noStore: true, noCache: true, maxAge: 0 }

/** A directive and what follows it: another one, or the end. */
const directive =
  /[\t ]*(?:([!#$%&'*+.^_`|~\w-]+)(?:[\t ]*=[\t ]*(?:"((?:[^"\\]|\\.)*)"|([^\s",]*)))?)?[\t ]*(,|$)/y

/**
 * Reads a `Cache-Control` header so that no mistake in it allows more: directives in any case and with any
 * argument count (`private=`, `no-store="x"`), of two values the smaller one holds, a time that is no number
 * is 0, and a header that cannot be read at all forbids to store.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9111#section-5.2
 */
export function readCacheControl (header: string | undefined): CacheControl {
  if (header === undefined || header === '') return saysNothing
  const said = { ...saysNothing }
  directive.lastIndex = 0
  while (directive.lastIndex < header.length) {
    const match = directive.exec(header)
    if (match === null) return unreadable
    if (match[1] !== undefined) say(said, match[1].toLowerCase(), match[2] ?? match[3])
  }
  return said
}

function say (
  said: { -readonly [Name in keyof CacheControl]: CacheControl[Name] },
  name: string,
  value?: string
): void {
  switch (name) {
    case 'no-store':
      said.noStore = true
      break
    case 'no-cache':
      said.noCache = true
      break
    case 'private':
      said.private = true
      break
    case 'must-revalidate':
    case 'proxy-revalidate':
      said.revalidate = true
      break
    case 'only-if-cached':
      said.onlyIfCached = true
      break
    case 'max-age':
      said.maxAge = smaller(said.maxAge, secondsOf(value))
      break
    case 's-maxage':
      said.sharedMaxAge = smaller(said.sharedMaxAge, secondsOf(value))
      break
    case 'stale-while-revalidate':
      said.staleWhileRevalidate = smaller(said.staleWhileRevalidate, secondsOf(value))
      break
    case 'stale-if-error':
      said.staleIfError = smaller(said.staleIfError, secondsOf(value))
      break
    case 'max-stale':
      said.maxStale = smaller(
        said.maxStale,
        value === undefined ? Number.POSITIVE_INFINITY : secondsOf(value)
      )
      break
    case 'min-fresh':
      said.minFresh = Math.max(said.minFresh ?? 0, secondsOf(value))
      break
    default:
  }
}

function smaller (known: number | undefined, next: number): number {
  return known === undefined ? next : Math.min(known, next)
}

/** More than fits in 31 bits is taken for that. */
function secondsOf (value: string | undefined): number {
  return value !== undefined && /^\d+$/.test(value) ? Math.min(Number(value), 2 ** 31) : 0
}
