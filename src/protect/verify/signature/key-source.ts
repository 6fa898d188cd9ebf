import { SettingError } from '../../../kernel/index.ts'
import type { SignatureAlgorithm } from './algorithm.ts'
import type { Component } from './component.ts'
import type { VerificationKey } from './key.ts'
import type { SignatureRefusal } from './reason.ts'
import type { FieldLines } from './signed-request.ts'

/** What is known of a signature when its key is looked for. Nothing of it has been verified yet. */
export interface KeyQuestion {
  readonly label: string
  readonly keyId: string | undefined
  /** The one that the signature names, if it does. */
  readonly algorithm: SignatureAlgorithm | undefined
  readonly tag: string | undefined
  readonly components: readonly Component[]
  readonly fields: FieldLines
}

/** The key; undefined when nobody knows it; or why it cannot be had, e.g. `key-unavailable`. */
export type FoundKey = VerificationKey | SignatureRefusal | undefined

/**
 * Where keys come from: a {@link keySet}, a function of yours (a table of partners, say), the directories of
 * agents. A promise costs each request a turn of the event loop, so answer from memory when you can. What
 * it throws or rejects with is answered as `key-unavailable`.
 */
export type KeySource = (question: KeyQuestion) => FoundKey | Promise<FoundKey>

/** Keys that are known at boot, found by `keyid`. @throws SettingError when two have one id */
export function keySet (keys: readonly VerificationKey[]): KeySource {
  const byId = new Map(keys.map((key) => [key.id, key]))
  if (byId.size !== keys.length) {
    const ids = keys.map(({ id }) => id)
    throw new SettingError('keys', 'keys of different ids', ids.find((id, at) => ids.indexOf(id) !== at))
  }
  return ({ keyId }) => keyId === undefined ? undefined : byId.get(keyId)
}
