import type { Cancel, Clock } from '../../../kernel/index.ts'
import { CachePurgeError } from '../errors.ts'
import { PurgeLedger } from '../purge-ledger.ts'
import type { PurgeMode, PurgeReceipt, Purges } from '../shared-cache.ts'
import type { FleetCounts } from './fleet-counts.ts'
import type { Link } from './link.ts'
import type { Appended, Progress, PurgeLog, PurgeRecord, View } from './purge-log.ts'

export interface FleetPurgesOptions {
  readonly log: PurgeLog
  readonly link: Link
  readonly clock: Clock
  readonly counts: FleetCounts
  readonly membershipMs: number
}

/** How often a purge that waits looks by itself, in milliseconds: news of progress may be lost. */
const lookEveryMs = 100

/** The purges of a fleet, as one of its processes knows them; see {@link PurgeLog} for the protocol. */
export class FleetPurges implements Purges {
  readonly #options: FleetPurgesOptions
  readonly #ledger = new PurgeLedger()
  readonly #waiting = new Set<{ readonly sequence: number; readonly look: () => void }>()
  #epoch = ''
  #position = 0
  /** When this process stops to know all purges, unless it is heard before. */
  #untilMs = Number.NEGATIVE_INFINITY
  #wasCurrent = false
  #syncing: Promise<void> | undefined
  #syncAgain = false
  #listening: Promise<Cancel> | undefined
  #stopTimer: Cancel | undefined
  #closed = false

  constructor (options: FleetPurgesOptions) {
    this.#options = options
  }

  start (): void {
    const { clock, membershipMs } = this.#options
    this.#stopTimer = clock.every(membershipMs / 4, () => void this.sync())
    void this.sync()
  }

  get sequence (): number {
    return this.#ledger.sequence
  }

  get current (): boolean {
    return this.#options.clock.now() < this.#untilMs
  }

  staleSince (tag: string): number {
    return this.#ledger.staleSince(tag)
  }

  goneSince (tag: string): number {
    return this.#ledger.goneSince(tag)
  }

  async purge (tags: readonly string[], mode: PurgeMode): Promise<PurgeReceipt> {
    const { log, link, clock, membershipMs } = this.#options
    const startedMs = clock.now()
    const unique = [...new Set(tags)]
    try {
      const appended = await link.ask(() => log.append(this.#at(), unique, mode), membershipMs)
      const { acknowledged, lapsed } = await this.#settled(appended)
      const seconds = (clock.now() - startedMs) / 1_000
      return { sequence: appended.sequence, acknowledged, lapsed, seconds }
    } catch (error) {
      // The fleet's next number is higher: it is a time in microseconds.
      this.#ledger.apply(this.#ledger.sequence + 1, unique, mode)
      throw new CachePurgeError(unique, error)
    }
  }

  /** Says how far this process is and hears what it has missed, until there is nothing more to say. Never rejects. */
  sync (): Promise<void> {
    this.#syncAgain = this.#syncing !== undefined
    this.#syncing ??= this.#syncUntilTold()
    return this.#syncing
  }

  async close (): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#stopTimer?.()
    this.#untilMs = Number.NEGATIVE_INFINITY
    await this.#syncing
    const { link, log, membershipMs } = this.#options
    if (link.up) await link.ask(() => log.leave(), membershipMs).catch(() => {})
    const stop = this.#listening
    if (stop !== undefined) await stop.then((cancel) => cancel(), () => {})
  }

  #at (): { readonly epoch: string; readonly sequence: number } {
    return { epoch: this.#epoch, sequence: this.#position }
  }

  async #syncUntilTold (): Promise<void> {
    let answered: boolean
    do {
      this.#syncAgain = false
      answered = await this.#syncOnce()
    } while (answered && this.#syncAgain && !this.#closed)
    // In the same turn as the last look at `#syncAgain`, so that no call falls in between.
    this.#syncing = undefined
  }

  /** @returns whether the store answered */
  async #syncOnce (): Promise<boolean> {
    const { log, link, clock, membershipMs } = this.#options
    const startedMs = clock.now()
    const said = this.#at()
    try {
      const view = await link.probe(async () => {
        await this.#listen()
        return log.sync(said)
      }, 2 * membershipMs)
      if (this.#closed) return false
      this.#take(view)
      const caughtUp = this.#position >= view.sequence
      // From before the question: the store has counted from later on.
      if (view.member && caughtUp) this.#untilMs = startedMs + membershipMs
      this.#wasCurrent = this.current
      if (!view.member || !caughtUp || said.sequence !== this.#position) this.#syncAgain = true
      return true
    } catch {
      // The link has said so.
      return false
    }
  }

  #take (view: View): void {
    const lapsed = !this.current
    if (lapsed && this.#wasCurrent) this.#options.counts.lapses.add()
    const anew = view.epoch !== this.#epoch
    if (anew || this.#position < view.floor) {
      if (!anew || lapsed || view.lost) this.#ledger.applyToAll(view.hardFloor, 'hard')
      this.#ledger.applyToAll(view.floor, 'soft')
      this.#position = anew ? view.floor : Math.max(this.#position, view.floor)
      this.#epoch = view.epoch
    }
    for (const record of view.records) this.#apply(record)
  }

  #apply ({ sequence, tags, mode }: PurgeRecord): void {
    if (sequence <= this.#position) return
    this.#ledger.apply(sequence, tags, mode)
    this.#position = sequence
    this.#options.counts.purgesApplied.add()
  }

  /** Before the first question, so that no purge comes between the answer and the first that is heard. */
  #listen (): Promise<Cancel> {
    this.#listening ??= this.#options.log.listen({
      purged: (record) => {
        // Out of turn, or of another history: then the log is asked.
        if (record.epoch === this.#epoch && record.previous === this.#position) this.#apply(record)
        void this.sync()
      },
      progressed: (sequence) => {
        for (const waiting of this.#waiting) if (waiting.sequence <= sequence) waiting.look()
      },
    }).catch((error: unknown) => {
      this.#listening = undefined
      throw error
    })
    return this.#listening
  }

  async #settled (appended: Appended): Promise<Progress> {
    const { log, link, membershipMs } = this.#options
    for (;;) {
      const news = this.#news(appended.sequence)
      try {
        if (this.#position < appended.sequence) await this.sync()
        const progress = await link.ask(() => log.progress(appended), membershipMs)
        if (progress === undefined || this.#closed) throw new Error('the shared cache has lost its history')
        if (progress.pending === 0 && this.#position >= appended.sequence) return progress
        await news.promise
      } finally {
        news.stop()
      }
    }
  }

  /** The next time that it is worth to look whether a purge is settled. */
  #news (sequence: number): { readonly promise: Promise<void>; readonly stop: Cancel } {
    const { promise, resolve } = Promise.withResolvers<void>()
    const waiting = { sequence, look: resolve }
    this.#waiting.add(waiting)
    const cancel = this.#options.clock.after(lookEveryMs, resolve)
    return {
      promise,
      stop: () => {
        cancel()
        this.#waiting.delete(waiting)
      },
    }
  }
}
