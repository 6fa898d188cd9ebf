import Negotiator from 'negotiator'
import { RecentMap } from '../recent-map.ts'
import type { Coding } from './coding.ts'

/** What a client takes, of what is offered. */
export interface CodingChoice {
  /** `undefined` for the plain body. */
  readonly coding: Coding | undefined
  /** The client takes the plain body too. */
  readonly plain: boolean
}

/** What the library's own types leave out. */
type PreferringNegotiator = {
  encodings(available: readonly string[], options: { readonly preferred: readonly string[] }): string[]
}

const anything: CodingChoice = { coding: undefined, plain: true }

/** Longer ones are read each time, so that nobody fills memory with them. */
const longestRemembered = 128

/** Chooses by `Accept-Encoding`. Clients send few different values, so the last 256 choices are remembered. */
export class CodingChooser {
  readonly offered: readonly Coding[]
  readonly #known = new RecentMap<CodingChoice>(256)

  /** @param offered what can be made, the preferred first */
  constructor (offered: readonly Coding[]) {
    this.offered = offered
  }

  /**
   * The client's weights decide, and between equals the order of what is offered. Without the header, and for an
   * empty one, it is the plain body.
   *
   * @see https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3
   */
  choose (header: string | undefined): CodingChoice {
    if (header === undefined) return anything
    const known = this.#known.get(header)
    if (known !== undefined) return known
    const choice = this.#read(header)
    if (header.length <= longestRemembered) this.#known.set(header, choice)
    return choice
  }

  #read (header: string): CodingChoice {
    const all = [...this.offered, 'identity']
    const negotiator = new Negotiator({ headers: { 'accept-encoding': header } }) as PreferringNegotiator
    const taken = negotiator.encodings(all, { preferred: all })
    const [first] = taken
    return {
      coding: first === undefined || first === 'identity' ? undefined : first as Coding,
      plain: taken.includes('identity'),
    }
  }
}
