import { type Cancel, type Clock, fullJitter, type Random, runWithoutContext } from '../../kernel/index.ts'

/** Purges from the caches what was made of what has changed, e.g. `(tags) => cache.purge(tags)`. */
export type PurgeTags = (tags: readonly string[]) => Promise<unknown>

export interface TagPurgerOptions {
  readonly purge: PurgeTags
  readonly clock: Clock
  readonly random: Random
  /** Hears of each purge that failed; it is tried again. */
  readonly onFailed: (error: unknown, tags: readonly string[]) => void
}

const retry = { baseMs: 100, capMs: 5_000 } as const
/** Tags that wait for another try at most; beyond, the oldest are left to their time to live. */
const mostWaiting = 100_000

/** Purges, and remembers what could not be purged until it is. */
export class TagPurger {
  readonly #options: TagPurgerOptions
  readonly #waiting = new Set<string>()
  #tries = 0
  #cancel: Cancel | undefined
  #closed = false

  constructor (options: TagPurgerOptions) {
    this.#options = options
  }

  /** Tags whose purge has failed so far. */
  get waiting (): number {
    return this.#waiting.size
  }

  /** @returns whether it was done at once; never rejects */
  async purge (tags: readonly string[]): Promise<boolean> {
    if (tags.length === 0) return true
    try {
      await this.#options.purge(tags)
      return true
    } catch (error) {
      for (const tag of tags) this.#waiting.add(tag)
      for (const tag of this.#waiting) {
        if (this.#waiting.size <= mostWaiting) break
        this.#waiting.delete(tag)
      }
      this.#options.onFailed(error, tags)
      this.#tryLater()
      return false
    }
  }

  /** Tries once more what waits. */
  async close (): Promise<void> {
    this.#closed = true
    this.#cancel?.()
    await this.#tryWaiting()
  }

  #tryLater (): void {
    if (this.#cancel !== undefined || this.#closed) return
    const { clock, random } = this.#options
    const waitMs = fullJitter(++this.#tries, retry, random)
    this.#cancel = runWithoutContext(() =>
      clock.after(waitMs, () => {
        this.#cancel = undefined
        void this.#tryWaiting()
      })
    )
  }

  async #tryWaiting (): Promise<void> {
    const tags = [...this.#waiting]
    this.#waiting.clear()
    if (await this.purge(tags) && tags.length > 0) this.#tries = 0
  }
}
