import type { Entry } from './entry.ts'

/** What a shortcut takes beside its URL, in bytes. */
const baseBytes = 96
/** Longer URLs, in characters, are found by their keys. */
const longestUrl = 256

/**
 * Entries of one route by the URL as it was sent. A whole key is made, joined and hashed anew for each request, which
 * costs more than all the rest of a hit; where the key depends on origin and path alone, a hit needs none. An entry has one
 * shortcut at most, and takes it along when it leaves memory, so that nothing is found here that is not there.
 */
export class Shortcuts {
  readonly #byOrigin: Map<string, Map<string, Entry>> = new Map()
  #lastOrigin: string | undefined
  #lastEntries: Map<string, Entry> | undefined

  /** @param url path without a query */
  find (origin: string, url: string): Entry | undefined {
    return this.#of(origin)?.get(url)
  }

  /** @returns how many bytes more the entry takes with it */
  add (origin: string, url: string, entry: Entry): number {
    if (entry.shortcut !== undefined || url.length > longestUrl) return 0
    let entries = this.#of(origin)
    if (entries === undefined) {
      entries = new Map()
      this.#byOrigin.set(origin, entries)
      this.#lastOrigin = undefined
    }
    entries.set(url, entry)
    entry.shortcut = () => this.#remove(origin, url)
    return baseBytes + url.length
  }

  /** Nearly all requests have the same origin. */
  #of (origin: string): Map<string, Entry> | undefined {
    if (origin !== this.#lastOrigin) {
      this.#lastOrigin = origin
      this.#lastEntries = this.#byOrigin.get(origin)
    }
    return this.#lastEntries
  }

  #remove (origin: string, url: string): void {
    const entries = this.#byOrigin.get(origin)
    if (entries?.delete(url) !== true || entries.size > 0) return
    this.#byOrigin.delete(origin)
    this.#lastOrigin = undefined
  }
}
