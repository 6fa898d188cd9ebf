import { type InnerList, isInnerList } from 'structured-headers'
import { refuse, type SignatureRefusal } from './reason.ts'
import type { FieldLines } from './signed-request.ts'
import { readDictionary } from './structured-field.ts'

/** A signature of the request that may be the one asked for. */
export interface Candidate {
  readonly label: string
  readonly input: InnerList
  readonly signature: Uint8Array
}

/** Longest `Signature-Input` and `Signature` that are parsed, in characters. */
const longestField = 8_192
/** Signatures of one request that are tried: each can cost a public-key operation. */
const mostCandidates = 4

/**
 * The signatures of a request, those with `tag` only when one is given.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9421#section-4
 */
export function readCandidates (
  fields: FieldLines,
  tag: string | undefined
): readonly Candidate[] | SignatureRefusal {
  const inputText = fields.value('signature-input')
  const signatureText = fields.value('signature')
  if (inputText === undefined && signatureText === undefined) return refuse('missing')
  if (inputText === undefined) return refuse('malformed', 'signature-input')
  if (signatureText === undefined) return refuse('malformed', 'signature')
  const inputs = readDictionary(inputText, longestField)
  const signatures = readDictionary(signatureText, longestField)
  if (inputs === undefined) return refuse('malformed', 'signature-input')
  if (signatures === undefined) return refuse('malformed', 'signature')
  const candidates: Candidate[] = []
  for (const [label, input] of inputs) {
    if (!isInnerList(input)) return refuse('malformed', 'signature-input')
    if (tag !== undefined && input[1].get('tag') !== tag) continue
    const member = signatures.get(label)
    if (member === undefined || isInnerList(member) || !(member[0] instanceof ArrayBuffer)) {
      return { ...refuse('malformed', 'signature'), label }
    }
    candidates.push({ label, input, signature: new Uint8Array(member[0]) })
  }
  if (candidates.length > mostCandidates) return refuse('malformed', `more than ${mostCandidates} signatures`)
  return candidates.length === 0 ? refuse('missing') : candidates
}
