import { SettingError } from '../../../kernel/index.ts'
import type { Body, HeaderFields } from './definition.ts'

// RFC 9110, 5.6.2 (token) and 5.5 (field value): nothing that could end the field and begin another.
const token = /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/
// RFC 3986: what may stand in a path and query, percent-encoded or not; no space, no control, no fragment.
const pathAndQuery = /^\/[\x21\x22\x24-\x7e]*$/

/**
 * Header fields by lower-case name; later ones replace.
 *
 * @throws SettingError for a name or a value that HTTP cannot carry
 */
export function mergeHeaders (setting: string, ...all: readonly (HeaderFields | undefined)[]): HeaderFields {
  const merged: Record<string, string> = {}
  for (const fields of all) {
    for (const [name, value] of Object.entries(fields ?? {})) {
      if (!token.test(name)) throw new SettingError(`${setting} name`, 'a header name (RFC 9110, 5.1)', name)
      if (typeof value !== 'string' || !fieldValue.test(value)) {
        throw new SettingError(`${setting} ${name}`, 'text of one line in Latin letters', value)
      }
      merged[name.toLowerCase()] = value
    }
  }
  return merged
}

/** @throws SettingError when it is no path that can be sent */
export function checkPath (path: unknown, setting: string): string {
  if (typeof path === 'string' && pathAndQuery.test(path)) return path
  throw new SettingError(setting, 'a path such as "/products?limit=20", percent-encoded', path)
}

/** The bytes or the text of a body, and the content type that it brings. */
export function encodeBody (
  body: Body | undefined,
  setting: string
): { readonly body: string | Uint8Array | undefined; readonly headers: HeaderFields } {
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array)
    return { body, headers: {} }
  if (typeof body !== 'object' || body === null)
    throw new SettingError(setting, 'text, bytes or an object', body)
  return { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
}
