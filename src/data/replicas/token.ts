import { createHmac, timingSafeEqual } from 'node:crypto'
import type { WalPosition } from './lsn.ts'

/** What a token says of its holder's writes: where they end, or that nobody could tell. */
export type Claim = WalPosition | 'in-doubt'

/** Version 1: timeline (4 bytes), position (8), then the seal. */
const version = 1
const bodyBytes = 13
const sealBytes = 12
const textLength = Math.ceil((bodyBytes + sealBytes) * 4 / 3)

/**
 * Writes and reads consistency tokens. They are sealed, so that a client can only show what it was given, and say
 * nothing but a position in the log of one cluster.
 */
export class TokenSeal {
  readonly #keys: readonly string[]
  readonly #system: string

  /**
   * @param secrets the first seals, all open; without one, tokens are sealed with the name of the cluster, which
   *   keeps mistakes out, not malice
   * @param system names the cluster
   */
  constructor (secrets: readonly string[], system: string) {
    this.#keys = secrets.length === 0 ? [system] : secrets
    this.#system = system
  }

  write (claim: Claim): string {
    const bytes = Buffer.alloc(bodyBytes)
    bytes[0] = version
    if (claim !== 'in-doubt') {
      bytes.writeUInt32BE(claim.timeline, 1)
      bytes.writeBigUInt64BE(claim.lsn, 5)
    }
    return Buffer.concat([bytes, this.#seal(this.#keys[0]!, bytes)]).toString('base64url')
  }

  /** @returns undefined for what was not sealed by one of the secrets, for this cluster */
  read (text: string): Claim | undefined {
    if (text.length !== textLength) return undefined
    const bytes = Buffer.from(text, 'base64url')
    if (bytes.length !== bodyBytes + sealBytes || bytes[0] !== version) return undefined
    const body = bytes.subarray(0, bodyBytes)
    const seal = bytes.subarray(bodyBytes)
    if (!this.#keys.some((key) => timingSafeEqual(seal, this.#seal(key, body)))) return undefined
    const timeline = body.readUInt32BE(1)
    return timeline === 0 ? 'in-doubt' : { timeline, lsn: body.readBigUInt64BE(5) }
  }

  #seal (key: string, body: Uint8Array): Buffer {
    const seal = createHmac('sha256', key).update('plimsoll-consistency ').update(this.#system).update(' ')
    return seal.update(body).digest().subarray(0, sealBytes)
  }
}
