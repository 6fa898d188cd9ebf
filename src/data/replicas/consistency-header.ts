/** Carries the token in both directions: a client sends back the last one that it was given. */
export const consistencyHeader = 'plimsoll-consistency'

/**
 * The token of a request, from the header or, where it has none, from the cookie.
 *
 * @param cookie the cookie's name; `undefined` to look at the header only
 */
export function consistencyTokenIn (
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  cookie?: string
): string | undefined {
  const token = headers[consistencyHeader]
  if (typeof token === 'string') return token
  const cookies = cookie === undefined ? undefined : headers['cookie']
  if (typeof cookies !== 'string') return undefined
  for (const pair of cookies.split(';')) {
    const at = pair.indexOf('=')
    if (at > 0 && pair.slice(0, at).trim() === cookie) return pair.slice(at + 1).trim()
  }
  return undefined
}

/**
 * The value of a `set-cookie` header that makes a browser send the token back. It lasts for ten minutes:
 * no replica that is in use is further behind than that.
 */
export function consistencyCookie (name: string, token: string): string {
  return `${name}=${token}; Path=/; Max-Age=600; HttpOnly; Secure; SameSite=Lax`
}
