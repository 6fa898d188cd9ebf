/**
 * Runs work one after another where it has a key in common, and at once where it has not. Work takes all its keys
 * in one step, so none waits for another that waits for it.
 */
export class QueuePerKey {
  readonly #tails = new Map<string, Promise<void>>()

  async run<Result> (keys: readonly string[], work: () => Promise<Result>): Promise<Result> {
    const before = keys.map((key) => this.#tails.get(key)).filter((tail) => tail !== undefined)
    const { promise, resolve } = Promise.withResolvers<void>()
    for (const key of keys) this.#tails.set(key, promise)
    try {
      if (before.length > 0) await Promise.all(before)
      return await work()
    } finally {
      resolve()
      for (const key of keys) if (this.#tails.get(key) === promise) this.#tails.delete(key)
    }
  }
}
