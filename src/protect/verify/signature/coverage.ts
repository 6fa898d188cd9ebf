import type { Component } from './component.ts'
import type { ReadPolicy } from './policy.ts'
import { refuse, type SignatureRefusal } from './reason.ts'

/** What stands for a derived component besides itself. */
const standIns: Readonly<Record<string, readonly string[]>> = {
  '@scheme': ['@target-uri'],
  '@authority': ['@target-uri'],
  '@path': ['@target-uri', '@request-target'],
  '@query': ['@target-uri', '@request-target'],
}

/** Whether the covered components are those that the policy asks for, digests apart. @returns undefined when they are */
export function checkCoverage (
  covered: readonly Component[],
  policy: ReadPolicy,
  hasQuery: boolean
): SignatureRefusal | undefined {
  for (const required of policy.components) {
    if (required.name === '@query' && !hasQuery) continue
    if (!covers(covered, required)) return refuse('component-missing', required.identifier)
  }
  return undefined
}

/** Whether it covers the digests of the body; one of them alone (`key`) leaves the others to whoever is in between. */
export function isWholeDigest ({ name, parameters }: Component): boolean {
  return name === 'content-digest' && !parameters.has('key')
}

/** A field asked for by name alone may be covered in any form of its whole value. */
function covers (covered: readonly Component[], required: Component): boolean {
  return covered.some((component) =>
    component.identity === required.identity ||
    (component.name === required.name && required.parameters.size === 0 &&
      !component.parameters.has('key')) ||
    standIns[required.name]?.includes(component.name) === true
  )
}
