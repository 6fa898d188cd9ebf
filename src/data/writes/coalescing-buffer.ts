/**
 * Writes that wait, one a key: a later one is merged into the one that waits. In the order in which their keys came first.
 */
export class CoalescingBuffer<Value> {
  readonly #merge: (older: Value, newer: Value) => Value
  #values = new Map<string, Value>()
  /** When the oldest of them came. */
  #sinceMs: number | undefined

  constructor (merge: (older: Value, newer: Value) => Value) {
    this.#merge = merge
  }

  get size (): number {
    return this.#values.size
  }

  get sinceMs (): number | undefined {
    return this.#sinceMs
  }

  has (key: string): boolean {
    return this.#values.has(key)
  }

  /** @returns whether it was merged with one that waits */
  add (key: string, value: Value, nowMs: number): boolean {
    this.#sinceMs ??= nowMs
    const older = this.#values.get(key)
    const merged = this.#values.has(key)
    this.#values.set(key, merged ? this.#merge(older as Value, value) : value)
    return merged
  }

  /** Takes out the first `most`. */
  take (most: number): ReadonlyMap<string, Value> {
    if (this.#values.size <= most) {
      const all = this.#values
      this.#values = new Map()
      this.#sinceMs = undefined
      return all
    }
    const some = new Map<string, Value>()
    for (const [key, value] of this.#values) {
      if (some.size === most) break
      some.set(key, value)
      this.#values.delete(key)
    }
    return some
  }

  /** What was taken and could not be applied goes before what has come since. */
  putBack (values: ReadonlyMap<string, Value>, sinceMs: number): void {
    if (values.size === 0) return
    const since = this.#values
    this.#values = new Map(values)
    this.#sinceMs = sinceMs
    for (const [key, value] of since) this.add(key, value, sinceMs)
  }
}
