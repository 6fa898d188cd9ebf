import type { Component } from './component.ts'
import { refuse, type SignatureRefusal } from './reason.ts'
import type { FieldLines, SignedRequest } from './signed-request.ts'
import { memberForm, strictForm, type StructuredKind } from './structured-field.ts'
import type { Target } from './target.ts'

/** What component values are read from. */
export interface ValueSource {
  readonly request: SignedRequest
  readonly target: Target
  readonly fields: FieldLines
  /** Fields of known kind, by lower-case name, for `sf`. */
  readonly structured: Readonly<Record<string, StructuredKind>>
}

/** Field content that may stand in a signature base: visible ASCII, space and tab. */
const fieldText = /^[\t\x20-\x7e]*$/

/**
 * The value of a component, as it stands in the signature base.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9421#section-2.1 and 2.2
 */
export function componentValue (component: Component, source: ValueSource): string | SignatureRefusal {
  const { request, target } = source
  switch (component.name) {
    case '@method':
      return request.method
    case '@authority':
      return target.authority
    case '@scheme':
      return request.scheme
    case '@target-uri':
      return target.uri
    case '@request-target':
      return request.target
    case '@path':
      return target.path
    case '@query':
      return target.query ?? '?'
    case '@query-param':
      return queryParameter(component, target)
    default:
      return fieldValue(component, source)
  }
}

/** A parameter that occurs more than once cannot be covered: it would not say which (RFC 9421, 2.2.8). */
function queryParameter (component: Component, { query = '' }: Target): string | SignatureRefusal {
  const asked = component.parameters.get('name')
  let found: string | undefined
  for (const [name, value] of new URLSearchParams(query)) {
    if (formEncoded(name) !== asked) continue
    if (found !== undefined) return refuse('component-unsupported', component.identifier)
    found = value
  }
  return found === undefined ? refuse('component-absent', component.identifier) : formEncoded(found)
}

/**
 * The form percent-encode set with `%20` for a space: `encodeURIComponent` leaves five characters that it holds.
 *
 * @see https://url.spec.whatwg.org/#application-x-www-form-urlencoded-percent-encode-set
 */
export function formEncoded (text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(
    /[!'()~]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`
  )
}

function fieldValue (component: Component, source: ValueSource): string | SignatureRefusal {
  const { name, identifier, parameters } = component
  if (parameters.has('bs')) {
    const lines = source.fields.lines(name)
    if (lines === undefined) return refuse('component-absent', identifier)
    return lines.map((line) => `:${Buffer.from(line, 'latin1').toString('base64')}:`).join(', ')
  }
  const value = source.fields.value(name)
  if (value === undefined) return refuse('component-absent', identifier)
  if (!fieldText.test(value))
    return refuse('component-unsupported', `${identifier} is not ASCII; cover it with bs`)
  const key = parameters.get('key')
  if (typeof key === 'string') {
    return memberForm(value, key) ?? refuse('component-absent', identifier)
  }
  if (!parameters.has('sf')) return value
  const kind = Object.hasOwn(source.structured, name) ? source.structured[name] : undefined
  if (kind === undefined) return refuse('component-unsupported', identifier)
  return strictForm(value, kind) ?? refuse('malformed', identifier)
}
