import { type Cancel, type Clock, runWithoutContext } from '../../kernel/index.ts'
import type { ExportLedger } from './ledger.ts'

interface Watcher {
  readonly version: number | undefined
  readonly wake: () => void
}

/** Between two looks at the exports that somebody waits for. */
const lookEveryMs = 500

/** So many wait at once in a process; who comes then is answered at once. */
const watchersMost = 1_000

/** Waits for exports to change: by one query for all who wait, and without any for changes that this process makes. */
export class ExportWatch {
  readonly #ledger: Pick<ExportLedger, 'versions'>
  readonly #clock: Clock
  readonly #watchers: Map<string, Set<Watcher>> = new Map()
  #count = 0
  #stopLooking: Cancel | undefined

  constructor (ledger: Pick<ExportLedger, 'versions'>, clock: Clock) {
    this.#ledger = ledger
    this.#clock = clock
  }

  /**
   * Resolves when the export is over, or has another version than the given one; or when the time is up, or the
   * signal aborts.
   *
   * @param version that is known already; undefined: only the end counts
   */
  wait (id: string, version: number | undefined, ms: number, signal?: AbortSignal): Promise<void> {
    if (this.#count >= watchersMost || ms <= 0 || signal?.aborted === true) return Promise.resolve()
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel()
        signal?.removeEventListener('abort', wake)
        this.#remove(id, watcher)
        resolve()
      }
      const watcher: Watcher = { version, wake }
      const cancel = this.#clock.after(ms, wake)
      signal?.addEventListener('abort', wake, { once: true })
      this.#add(id, watcher)
    })
  }

  /** The export has changed: who waits for it need not wait for the next look. */
  changed (id: string): void {
    if (this.#watchers.has(id)) void this.#look([id])
  }

  /** Nobody waits any more. */
  close (): void {
    for (const watchers of this.#watchers.values()) for (const { wake } of watchers) wake()
  }

  #add (id: string, watcher: Watcher): void {
    const watchers = this.#watchers.get(id) ?? new Set()
    this.#watchers.set(id, watchers.add(watcher))
    this.#count++
    this.#stopLooking ??= runWithoutContext(() =>
      this.#clock.every(lookEveryMs, () => void this.#look([...this.#watchers.keys()]))
    )
  }

  #remove (id: string, watcher: Watcher): void {
    const watchers = this.#watchers.get(id)
    if (watchers?.delete(watcher) !== true) return
    this.#count--
    if (watchers.size === 0) this.#watchers.delete(id)
    if (this.#count > 0) return
    this.#stopLooking?.()
    this.#stopLooking = undefined
  }

  async #look (ids: readonly string[]): Promise<void> {
    const found = await runWithoutContext(() => this.#ledger.versions(ids)).catch(() => undefined)
    if (found === undefined) return // the next look may succeed
    const byId = new Map(found.map((one) => [one.id, one]))
    for (const id of ids) {
      const now = byId.get(id)
      for (const { version, wake } of this.#watchers.get(id) ?? []) {
        if (now === undefined || !now.open || (version !== undefined && version !== now.version)) wake()
      }
    }
  }
}
