import { serializeInnerList } from 'structured-headers'
import type { ReadPolicy } from './policy.ts'

/**
 * The value of an `Accept-Signature` field for a policy. A nonce cannot be asked for in it - there it would be
 * one for the client to repeat - so the problem document says when one is required.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9421#section-5.1
 */
export function acceptSignature (policy: ReadPolicy): string {
  const components = policy.components.map(({ identifier }) => identifier)
  if (policy.digestRequired && !components.includes('"content-digest"')) components.push('"content-digest"')
  const asked = (['created', 'expires'] as const).filter((one) => policy.requires.includes(one))
  const parameters = new Map<string, string | true>(asked.map((one) => [one, true]))
  const [algorithm] = policy.algorithms
  if (policy.algorithms.size === 1 && algorithm !== undefined) parameters.set('alg', algorithm)
  if (policy.tag !== undefined) parameters.set('tag', policy.tag)
  return `sig1=(${components.join(' ')})${serializeInnerList([[], parameters]).slice(2)}`
}
