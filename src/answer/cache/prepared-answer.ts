import type { Answer, CacheResult, Miss } from './found.ts'

/** Texts of small whole numbers, made once. */
const texts: string[] = []

function textOfNumber (number: number): string {
  if (number < 0 || number > 100_000) return String(number)
  return texts[number] ??= String(number)
}

/** An answer whose headers stand ready, but for how old it is. */
export class PreparedAnswer implements Answer {
  readonly kind = 'answer'
  readonly result: CacheResult
  readonly status: number
  readonly body: string | Buffer | undefined
  readonly refresh: (() => Promise<Miss | undefined>) | undefined
  /** Those that never change. */
  readonly #headers: readonly string[]
  readonly #statusHead: string
  readonly #isAged: boolean
  #age = -1
  #status: string
  #lastingLines: string | undefined
  #lines: string | undefined
  #isOnePiece = false

  /**
   * @param headers names and values in turn; `age` and `cache-status` are added
   * @param statusHead `Cache-Status` up to the time to live
   */
  constructor (
    result: CacheResult,
    status: number,
    headers: readonly string[],
    body: string | Buffer | undefined,
    statusHead: string,
    refresh?: () => Promise<Miss | undefined>
  ) {
    this.result = result
    this.status = status
    this.body = body
    this.refresh = refresh
    this.#headers = headers
    this.#statusHead = statusHead
    this.#status = statusHead
    // An age would say that it was not made, or validated, for this request.
    this.#isAged = result !== 'miss' && result !== 'validated'
    this.#lastingLines = undefined
    this.#lines = undefined
  }

  get headers (): readonly string[] {
    const age = this.#isAged ? ['age', textOfNumber(this.#age)] : []
    return [...this.#headers, ...age, 'cache-status', this.#status]
  }

  /**
   * Of an entry that is read once a second, each hit has another age: only what says so is made anew. One that is read
   * more often pays for being put into one piece, which else is done anew for each answer.
   */
  get lines (): string {
    if (this.#lines === undefined) {
      this.#lastingLines ??= linesOf(this.#headers)
      const age = this.#isAged ? `age: ${textOfNumber(this.#age)}\r\n` : ''
      this.#lines = `${this.#lastingLines}${age}cache-status: ${this.#status}\r\n`
      this.#isOnePiece = false
    } else if (!this.#isOnePiece) {
      this.#lines = inOnePiece(this.#lines)
      this.#isOnePiece = true
    }
    return this.#lines
  }

  /**
   * Says how old the answer is and how long it is fresh, in whole seconds; a negative `ttl` is how long it has been
   * stale. The sum of both is the same in each call.
   */
  at (age: number, ttl: number): this {
    if (age === this.#age) return this
    this.#age = age
    this.#status = this.#statusHead + textOfNumber(ttl)
    this.#lines = undefined
    return this
  }
}

/** Anything that could end a header's line. */
const unsafe = /[^\t\x20-\x7e\x80-\xff]/

/** Names and values in turn as the lines of a head, but for `content-length`. */
export function linesOf (headers: readonly string[]): string {
  let lines = ''
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]!
    const value = headers[at + 1]!
    // What no response can say is left to Node to refuse, when the headers are sent one by one.
    if (name !== 'content-length' && !unsafe.test(value)) lines += `${name}: ${value}\r\n`
  }
  return inOnePiece(lines)
}

/** The same text, no longer made of many. */
function inOnePiece (lines: string): string {
  return Buffer.from(lines, 'latin1').toString('latin1')
}
