import { randomBytes } from 'node:crypto'
import type { Cancel, Clock } from '../../kernel/index.ts'

/** What node:tls wants: a name, a cipher key and a MAC key of 16 bytes each. */
const keyBytes = 48
/** A stolen key opens the sessions of this long at most; clients that return later do one full handshake. */
const rotateEveryMs = 12 * 60 * 60 * 1_000

/** The key for TLS session tickets that all workers share, so that a session resumes on any of them. */
export class TicketKeys {
  readonly #cancel: Cancel
  #current: Uint8Array = randomBytes(keyBytes)

  /** @param options.onRotate called with each further key, to tell the workers */
  constructor (
    { clock, onRotate }: { readonly clock: Clock; readonly onRotate: (keys: Uint8Array) => void }
  ) {
    this.#cancel = clock.every(rotateEveryMs, () => {
      this.#current = randomBytes(keyBytes)
      onRotate(this.#current)
    })
  }

  get current (): Uint8Array {
    return this.#current
  }

  close (): void {
    this.#cancel()
  }
}
