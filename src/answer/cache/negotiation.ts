import Negotiator from 'negotiator'

/**
 * Remembers what it made of short texts, of which there are few in practice; forgets all when there are many.
 */
function remembering<Result> (make: (text: string) => Result): (text: string) => Result {
  const known = new Map<string, Result>()
  let lastText: string | undefined
  let lastResult: Result
  return (text) => {
    if (text === lastText) return lastResult
    let result = known.get(text)
    if (result === undefined && !known.has(text)) {
      result = make(text)
      if (known.size >= 1_000) known.clear()
      if (text.length <= 256) known.set(text, result)
    }
    lastText = text
    lastResult = result as Result
    return lastResult
  }
}

/** What the library's own types leave out. */
type PreferringNegotiator = {
  encodings(available: readonly string[], options: { readonly preferred: readonly string[] }): string[]
}

/**
 * Makes the function that chooses one of `encodings` by `Accept-Encoding`; of several that are as good, the
 * first.
 */
export function encodingChooser (encodings: readonly string[]): (header: string) => string {
  const available = [...encodings, 'identity']
  return remembering((header) => {
    const negotiator = new Negotiator({ headers: { 'accept-encoding': header } }) as PreferringNegotiator
    return negotiator.encodings(available, { preferred: available })[0] ?? 'identity'
  })
}

/**
 * Makes the function that chooses one of `types` by `Accept`; undefined when the client takes none of them.
 */
export function typeChooser (types: readonly string[]): (header: string) => string | undefined {
  return remembering((header) => new Negotiator({ headers: { accept: header } }).mediaType(types))
}

/**
 * Makes the function that chooses one of `locales` by `Accept-Language`: the first one when the client takes
 * none.
 */
export function localeChooser (locales: readonly [string, ...string[]]): (header: string) => string {
  return remembering((header) =>
    new Negotiator({ headers: { 'accept-language': header } }).language(locales) ?? locales[0]
  )
}

/**
 * The language to answer in: the one by which the cache keys the answers of a route with these `locales`.
 * Handlers of such routes must choose by this function, too.
 *
 * @param header the request's `Accept-Language`
 * @param locales the preferred one first; at least one
 */
export function negotiateLocale (
  header: string | undefined,
  locales: readonly [string, ...string[]]
): string {
  if (header === undefined) return locales[0]
  return new Negotiator({ headers: { 'accept-language': header } }).language(locales) ?? locales[0]
}
