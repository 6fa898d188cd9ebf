import { type Item, type Parameters, serializeItem } from 'structured-headers'
import { refuse, type SignatureRefusal } from './reason.ts'

/** One thing that a signature covers. */
export interface Component {
  /** `@method`, or a field's name in lower case. */
  readonly name: string
  /** As it stands in the signature base: `"@query-param";name="page"`. */
  readonly identifier: string
  /** Equal for two identifiers that mean the same, whatever the order of their parameters. */
  readonly identity: string
  readonly parameters: Parameters
}

const derived: ReadonlySet<string> = new Set([
  '@method',
  '@target-uri',
  '@authority',
  '@scheme',
  '@request-target',
  '@path',
  '@query',
  '@query-param',
])

/** A field's name is a token in lower case (RFC 9421, 2.1). */
const fieldName = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/

/**
 * Reads one member of the list of covered components. `req` and `tr` are refused by name: a request has no
 * related request, and trailers come after the moment at which a request is let in.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9421#section-2
 */
export function readComponent ([name, parameters]: Item): Component | SignatureRefusal {
  if (typeof name !== 'string') return refuse('malformed', 'a component that is no string')
  const identifier = serializeItem([name, parameters])
  if (name.startsWith('@') ? !derived.has(name) : !fieldName.test(name)) {
    return refuse('component-unsupported', identifier)
  }
  const readable = name === '@query-param' ?
    parameters.size === 1 && typeof parameters.get('name') === 'string' :
    name.startsWith('@') ?
    parameters.size === 0 :
    isFieldParameters(parameters)
  if (!readable) return refuse('component-unsupported', identifier)
  return {
    name,
    identifier,
    identity: parameters.size < 2 ? identifier : sorted(name, parameters),
    parameters,
  }
}

/** `sf` and `key` go together, `bs` stands alone (RFC 9421, 2.1). */
function isFieldParameters (parameters: Parameters): boolean {
  for (const [parameter, value] of parameters) {
    const right = parameter === 'key' ? typeof value === 'string' : value === true
    if (!right || (parameter !== 'key' && parameter !== 'sf' && parameter !== 'bs')) return false
  }
  return !parameters.has('bs') || parameters.size === 1
}

function sorted (name: string, parameters: Parameters): string {
  return serializeItem([name, new Map([...parameters].toSorted(([one], [other]) => one < other ? -1 : 1))])
}
