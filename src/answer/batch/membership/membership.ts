import type { Context, Deadline } from '../../../kernel/index.ts'

/** What a request that is a part of a batch has from the batch. */
export interface BatchMembership {
  /** The context of the batch's own request, where there is one. */
  readonly whole: Context | undefined
  /** When the part has to be answered; earlier than that of the batch, which has to answer then itself. */
  readonly deadline: Deadline
}

const memberships = new WeakMap<object, BatchMembership>()

/**
 * The batch that a request is a part of; `undefined` for one that came over a connection. What the part says of its
 * deadline and criticality is the batch's word, and can be believed.
 */
export function batchMembershipOf (raw: object): BatchMembership | undefined {
  return memberships.get(raw)
}

/** Makes a request a part of a batch, before it is dispatched. */
export function joinBatch (raw: object, membership: BatchMembership): void {
  memberships.set(raw, membership)
}
