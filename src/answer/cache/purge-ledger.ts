import { SettingError } from '../../kernel/index.ts'
import type { PurgeMode } from './shared-cache.ts'

interface TagRecord {
  soft: number
  hard: number
}

/**
 * The purges that a process has applied: the part of {@link Purges} that is memory. It keeps one record a tag
 * and a bounded number of them; what it forgets it takes for purged, so that an entry may be made anew once
 * too often and never lives on after its purge.
 */
export class PurgeLedger {
  readonly #maxTags: number
  /** The tags longest without a purge first. */
  readonly #records: Map<string, TagRecord> = new Map()
  /** What is said of tags without a record. */
  #softFloor = 0
  #hardFloor = 0
  #sequence = 0

  /** @param maxTags records that are kept; at least 1. About 150 bytes each */
  constructor (maxTags = 100_000) {
    if (!Number.isSafeInteger(maxTags) || maxTags < 1) {
      throw new SettingError('purges.maxTags', 'a whole number of at least 1', maxTags)
    }
    this.#maxTags = maxTags
  }

  get sequence (): number {
    return this.#sequence
  }

  /** Tags that are remembered one by one. */
  get size (): number {
    return this.#records.size
  }

  staleSince (tag: string): number {
    return this.#records.get(tag)?.soft ?? this.#softFloor
  }

  goneSince (tag: string): number {
    return this.#records.get(tag)?.hard ?? this.#hardFloor
  }

  /** @param sequence above all that were applied before, else nothing happens */
  apply (sequence: number, tags: readonly string[], mode: PurgeMode): void {
    if (sequence <= this.#sequence) return
    this.#sequence = sequence
    for (const tag of tags) {
      const record = this.#records.get(tag) ?? { soft: this.#softFloor, hard: this.#hardFloor }
      record[mode] = sequence
      // To the end of the line.
      this.#records.delete(tag)
      this.#records.set(tag, record)
    }
    this.#forgetOldest()
  }

  /** Purges every tag: for when it is not known which ones were missed. */
  applyToAll (sequence: number, mode: PurgeMode): void {
    if (sequence <= this.#sequence) return
    this.#sequence = sequence
    if (mode === 'soft') this.#softFloor = sequence
    else this.#hardFloor = sequence
    for (const record of this.#records.values()) record[mode] = sequence
  }

  #forgetOldest (): void {
    if (this.#records.size <= this.#maxTags) return
    for (const [tag, { soft, hard }] of this.#records) {
      this.#softFloor = Math.max(this.#softFloor, soft)
      this.#hardFloor = Math.max(this.#hardFloor, hard)
      this.#records.delete(tag)
      if (this.#records.size <= this.#maxTags) return
    }
  }
}
