import { isbot } from 'isbot'

/** What a `User-Agent` says of its sender: a claim, which the other headers bear out or not. */
export interface ClaimedBrowser {
  readonly kind: 'missing' | 'program' | 'chromium' | 'firefox' | 'safari' | 'other'
  /** Major version of the browser; 0 where none is read. */
  readonly major: number
}

/** The longest `User-Agent` that is read, in characters: patterns take time by length. */
const longest = 512
/** Claims remembered. When there are more, all are forgotten: a simple bound, and a flood of new ones costs reading. */
const mostKnown = 2_048

const missing: ClaimedBrowser = { kind: 'missing', major: 0 }

/** Reads `User-Agent`, each text once. */
export class BrowserClaims {
  readonly #known: Map<string, ClaimedBrowser> = new Map()

  of (userAgent: string | undefined): ClaimedBrowser {
    if (userAgent === undefined || userAgent.trim() === '') return missing
    const text = userAgent.slice(0, longest)
    const known = this.#known.get(text)
    if (known !== undefined) return known
    const claim = read(text)
    if (this.#known.size >= mostKnown) this.#known.clear()
    this.#known.set(text, claim)
    return claim
  }
}

function read (text: string): ClaimedBrowser {
  if (isbot(text)) return { kind: 'program', major: 0 }
  // Browsers on iOS are all Safari inside; Edge, Opera and the rest are Chromium and say so.
  const onApple = /iPhone|iPad|iPod/.test(text)
  const chromium = /\bChrom(?:e|ium)\/(\d{1,4})/.exec(text)
  if (chromium !== null && !onApple) return { kind: 'chromium', major: Number(chromium[1]) }
  const firefox = /\bFirefox\/(\d{1,4})/.exec(text)
  if (firefox !== null && !onApple) return { kind: 'firefox', major: Number(firefox[1]) }
  const safari = /\bVersion\/(\d{1,4})[\d.]* (?:Mobile\/\S+ )?Safari\//.exec(text)
  if (safari !== null) return { kind: 'safari', major: Number(safari[1]) }
  return { kind: 'other', major: 0 }
}
