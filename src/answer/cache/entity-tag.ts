import { hash } from 'node:crypto'

/** @see https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3 */
const wellFormed = /^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/
const listMember = /[\t ]*((?:W\/)?"[\x21\x23-\x7e\x80-\xff]*")?[\t ]*(,|$)/y

/** The handler's tag if it is one, else a strong one made of the body. */
export function tagOf (own: string | undefined, body: Uint8Array): string {
  if (own !== undefined && wellFormed.test(own)) return own
  return `"${hash('sha256', body, 'base64url').slice(0, 27)}"`
}

/** The tag of an encoded form: a strong one says that bytes are the same, so each form has its own. */
export function tagOfEncoding (tag: string, encoding: string): string {
  return isStrong(tag) ? `${tag.slice(0, -1)}-${encoding}"` : tag
}

export function isStrong (tag: string): boolean {
  return tag.startsWith('"')
}

/**
 * Whether `If-None-Match` names `tag`, by weak comparison. A header that is not well formed names nothing.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2
 */
export function namesTag (header: string, tag: string): boolean {
  if (header === tag || header === '*') return true
  const opaque = opaqueOf(tag)
  let named = false
  listMember.lastIndex = 0
  while (listMember.lastIndex < header.length) {
    const match = listMember.exec(header)
    if (match === null) return false
    if (match[1] !== undefined && opaqueOf(match[1]) === opaque) named = true
  }
  return named
}

function opaqueOf (tag: string): string {
  return isStrong(tag) ? tag : tag.slice(2)
}
