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
  readonly headers: string[]
  readonly body: string | Buffer | undefined
  readonly refresh: (() => Promise<Miss | undefined>) | undefined
  readonly #statusHead: string
  /** Where the age stands in the headers; 0 where it does not. */
  readonly #ageAt: number
  #age = -1
  #lines: string | undefined
  #linesAge = -1

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
    this.#statusHead = statusHead
    // An age would say that it was not made, or validated, for this request.
    const isNew = result === 'miss' || result === 'validated'
    this.headers = [...headers, ...isNew ? [] : ['age', '0'], 'cache-status', statusHead]
    this.#ageAt = isNew ? 0 : headers.length + 1
  }

  get lines (): string {
    if (this.#lines === undefined || this.#linesAge !== this.#age) {
      this.#linesAge = this.#age
      this.#lines = linesOf(this.headers)
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
    const { headers } = this
    if (this.#ageAt > 0) headers[this.#ageAt] = textOfNumber(age)
    headers[headers.length - 1] = this.#statusHead + textOfNumber(ttl)
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
  // One piece of text, where it was made of many: those would be joined anew for each answer.
  return Buffer.from(lines, 'latin1').toString('latin1')
}
