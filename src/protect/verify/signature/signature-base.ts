import { type InnerList, serializeInnerList } from 'structured-headers'
import { componentValue, type ValueSource } from './component-value.ts'
import { type Component, readComponent } from './component.ts'
import { refuse, type SignatureRefusal } from './reason.ts'

/** Components that one signature may cover: the request's own head is not longer in practice. */
const mostComponents = 64

/** The covered components of a signature, each once. */
export function readComponents (input: InnerList): readonly Component[] | SignatureRefusal {
  const [items] = input
  if (items.length > mostComponents) return refuse('malformed', `more than ${mostComponents} components`)
  const components: Component[] = []
  const seen = new Set<string>()
  for (const item of items) {
    const component = readComponent(item)
    if ('reason' in component) return component
    if (seen.has(component.identity)) return refuse('malformed', `${component.identifier} twice`)
    seen.add(component.identity)
    components.push(component)
  }
  return components
}

/**
 * What is signed: a line for each component and one for the parameters.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9421#section-2.5
 */
export function signatureBase (
  components: readonly Component[],
  input: InnerList,
  source: ValueSource
): string | SignatureRefusal {
  let base = ''
  for (const component of components) {
    const value = componentValue(component, source)
    if (typeof value !== 'string') return value
    base += `${component.identifier}: ${value}\n`
  }
  return `${base}"@signature-params": ${serializeInnerList(input)}`
}
