import { isIP } from 'node:net'
import { isInnerList, parseItem, Token } from 'structured-headers'
import { type KeyQuestion, readDictionary, refuse, type SignatureRefusal } from '../signature/index.ts'

/** Longest `Signature-Agent` that is read, in characters. */
const longestField = 2_048
const field = 'signature-agent'

/**
 * Whose key a Web Bot Auth signature claims to be made with: the origin that a covered `Signature-Agent` member
 * names, such as `https://agent.example`. Until its directory has shown that key it is a claim and nothing more.
 *
 * The member is found by the covered component, not by the label alone: proxies may rename labels. The bare
 * string of older drafts is read too; what is not covered by the signature is never believed.
 *
 * @see https://datatracker.ietf.org/doc/draft-ietf-webbotauth-httpsig-protocol/ section 5.2.1
 */
export function claimedAgent (question: KeyQuestion): string | SignatureRefusal {
  const text = question.fields.value(field)
  if (text === undefined) return refuse('component-absent', `"${field}"`)
  if (text.length > longestField) return refuse('malformed', `"${field}"`)
  const covered = question.components.filter(({ name }) => name === field)
  if (covered.length === 0) return refuse('component-missing', `"${field}"`)
  const keys = covered.map(({ parameters }) => parameters.get('key'))
  if (text.startsWith('"'))
    return keys.includes(undefined) ?
      bareAgent(text) :
      refuse('malformed', `"${field}"`)
  const own = keys.includes(undefined) || keys.includes(question.label)
  const key = own ? question.label : keys.length === 1 ? keys[0] : undefined
  if (typeof key !== 'string') return refuse('component-missing', `"${field}";key="${question.label}"`)
  return memberAgent(text, key)
}

function bareAgent (text: string): string | SignatureRefusal {
  try {
    const [value] = parseItem(text)
    return originOf(value)
  } catch {
    return refuse('malformed', `"${field}"`)
  }
}

function memberAgent (text: string, key: string): string | SignatureRefusal {
  const member = readDictionary(text)?.get(key)
  if (member === undefined || isInnerList(member)) return refuse('malformed', `"${field}"`)
  const type = member[1].get('type')
  // `jwks_uri` and `cimd` name any path of a host, which its operator need not own: a domain is what we attribute to.
  if (type !== undefined && !(type instanceof Token && type.toString() === 'directory')) {
    return refuse('component-unsupported', `"${field}" of another type than directory`)
  }
  return originOf(member[0])
}

/** A name, not an address; https on its own port; no user, path, query or fragment. */
function originOf (value: unknown): string | SignatureRefusal {
  const refusal = refuse('malformed', `"${field}"`)
  if (typeof value !== 'string' || !/^https:\/\/[^/?#@\\]+\/?$/i.test(value) || !URL.canParse(value))
    return refusal
  const url = new URL(value)
  const isName = url.hostname.length <= 253 && isIP(url.hostname) === 0 && !url.hostname.startsWith('[')
  return isName && url.port === '' && url.username === '' ? url.origin : refusal
}
