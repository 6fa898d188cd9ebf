/**
 * A map that holds what was asked for last: a full one forgets the entry that nobody has asked for the longest.
 */
export class RecentMap<Value> {
  readonly #entries = new Map<string, Value>()
  readonly #max: number

  /** @param max entries, at least 1 */
  constructor (max: number) {
    this.#max = max
  }

  get size (): number {
    return this.#entries.size
  }

  get (key: string): Value | undefined {
    const value = this.#entries.get(key)
    if (value === undefined) return undefined
    // A Map keeps the order of insertion: what is put in again is the youngest.
    this.#entries.delete(key)
    this.#entries.set(key, value)
    return value
  }

  set (key: string, value: Value): void {
    this.#entries.delete(key)
    this.#entries.set(key, value)
    if (this.#entries.size <= this.#max) return
    const [oldest] = this.#entries.keys()
    if (oldest !== undefined) this.#entries.delete(oldest)
  }
}
