import type { Cancel } from '../../../kernel/index.ts'
import type { Landing } from '../shared-cache.ts'

/** How a flight ends. */
export type Ending =
  | { readonly kind: 'value'; readonly value: Uint8Array; readonly keepMs: number }
  | { readonly kind: 'unshareable' }
  | { readonly kind: 'abandoned' }

/**
 * Who makes which value, over all processes. A leader is named by a token of its own, and has the flight for a lease that
 * it prolongs. Nothing that a leader says counts once its lease is over.
 */
export interface FlightBoard {
  /** @returns the token of the one that leads now: the caller's own when nobody did */
  enter(key: string, token: string, leaseMs: number): Promise<string>
  /** @returns whether the flight was still the caller's */
  renew(key: string, token: string, leaseMs: number): Promise<boolean>
  /** Keeps the value, if there is one, and tells the followers. @returns whether the flight was still the caller's */
  end(key: string, token: string, ending: Ending): Promise<boolean>
  /** What became of the flight that `token` led, or undefined while it is under way. */
  look(key: string, token: string): Promise<Landing | undefined>
  /** Calls `ended` with the token of a flight that this process follows; such news may be lost. */
  listen(ended: (token: string) => void): Promise<Cancel>
}
