import type { Fault } from './faults.ts'

/** How a worker keeps the answer: with the effect in one transaction, or after it, as most libraries do. */
export type RecordMode = 'in the transaction' | 'after the effect'

/** What the client of the ledger asks a worker. */
export interface Ask {
  readonly id: number
  readonly key: string
  readonly fault: Fault | undefined
}

/** What a worker says. */
export type Said =
  | { readonly kind: 'ready' }
  /** The fault happens now; one that pauses wants to be woken after more than a lease. */
  | { readonly kind: 'suffers'; readonly id: number; readonly pauses: boolean }
  | { readonly kind: 'answer'; readonly id: number; readonly body: string; readonly replayed: boolean }
  | { readonly kind: 'refused'; readonly id: number; readonly code: string }
