import type { SignedRequest } from './signed-request.ts'

/** The parts of where a request went, as the signature base writes them. */
export interface Target {
  /** Lower case, without the default port of the scheme. */
  readonly authority: string
  /** `/` when there is none. Nothing is decoded and no dots are resolved: both sides sign what was sent. */
  readonly path: string
  /** With its `?`; undefined when there is none. */
  readonly query: string | undefined
  readonly uri: string
}

const host = /^[a-z0-9\-._~%!$&'()*+,;=[\]:]+$/
/** Visible ASCII without `#`: a request target has no fragment. */
const visible = /^[\x21\x22\x24-\x7e]+$/
const absolute = /^(https?):\/\/([^/?]*)(.*)$/i

/**
 * Takes the target of a request apart.
 *
 * @returns undefined when it is no target: other than visible ASCII, no host, a fragment, or an absolute form
 *   that names another host or scheme than the request does (one of the two would be believed further on).
 * @see https://www.rfc-editor.org/rfc/rfc9421#section-2.2
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-4.2.3
 */
export function readTarget (request: SignedRequest): Target | undefined {
  const { scheme, target } = request
  const authority = normalAuthority(request.authority, scheme)
  if (authority === undefined || !visible.test(target)) return undefined
  if (target.startsWith('/')) return parts(scheme, authority, target)
  if (target === '*') return { authority, path: '/', query: undefined, uri: `${scheme}://${authority}` }
  const whole = absolute.exec(target)
  if (whole === null) return undefined
  const [, ownScheme = '', ownAuthority = '', rest = ''] = whole
  if (ownScheme.toLowerCase() !== scheme || normalAuthority(ownAuthority, scheme) !== authority)
    return undefined
  return { ...parts(scheme, authority, rest), uri: target }
}

function parts (scheme: string, authority: string, rest: string): Target {
  const mark = rest.indexOf('?')
  const path = mark === -1 ? rest : rest.slice(0, mark)
  return {
    authority,
    path: path === '' ? '/' : path,
    query: mark === -1 ? undefined : rest.slice(mark),
    uri: `${scheme}://${authority}${rest}`,
  }
}

function normalAuthority (authority: string, scheme: string): string | undefined {
  const lower = authority.toLowerCase()
  if (!host.test(lower)) return undefined
  const port = scheme === 'https' ? ':443' : ':80'
  return lower.endsWith(port) && lower.length > port.length ? lower.slice(0, -port.length) : lower
}
