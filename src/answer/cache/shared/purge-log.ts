import type { Cancel } from '../../../kernel/index.ts'
import type { PurgeMode } from '../shared-cache.ts'

/** One purge, as all members hear of it. */
export interface PurgeRecord {
  readonly sequence: number
  /** That of the purge before it, or of the beginning of the epoch. */
  readonly previous: number
  readonly epoch: string
  readonly mode: PurgeMode
  readonly tags: readonly string[]
}

/** How far a member has come. */
export interface Position {
  /** Empty for a member that has not heard anything yet. */
  readonly epoch: string
  /** The last purge that it has applied. */
  readonly sequence: number
}

/** What a member is told when it says where it is. */
export interface View {
  /**
   * One unbroken history of purges. A log that was emptied, evicted or put back to an older state begins another one, whose
   * numbers are above all that were given before.
   */
  readonly epoch: string
  /** The last purge of all. */
  readonly sequence: number
  /** Purges up to this number are not in the log: what was made before may have been purged, softly at least. */
  readonly floor: number
  /** The same for hard purges; at most `floor`. */
  readonly hardFloor: number
  /** Whether even a member that was never away may have missed a hard purge before this epoch. */
  readonly lost: boolean
  /** The purges after the member's position or the floor, in order; the first of them when there are many. */
  readonly records: readonly PurgeRecord[]
  /** Whether this call has prolonged the membership: only a member whose position is in this epoch is one. */
  readonly member: boolean
}

/** A purge that has been numbered and sent. */
export interface Appended {
  readonly epoch: string
  readonly sequence: number
  /** Those who have to apply it. */
  readonly members: readonly string[]
}

export interface Progress {
  readonly acknowledged: number
  readonly lapsed: number
  /** Neither yet. */
  readonly pending: number
}

/** What a member hears between its calls. */
export interface PurgeListener {
  purged(record: PurgeRecord): void
  /** All members, or one of them, have come so far: a purge that waits may look. */
  progressed(sequence: number): void
}

/**
 * The fleet's purges in order, and who has to hear of them. All calls may reject when it cannot be reached.
 *
 * A membership lasts for one and a half of the time for which a member serves without having been heard: so a
 * member knows that it has lapsed before anybody goes on without it, by its own clock and with room for the drift of
 * clocks. Until that time is over since the beginning of an epoch, or since a silence of all members, no purge is settled:
 * there may be members that the log does not know.
 */
export interface PurgeLog {
  /** Says where this member is, prolongs its membership, and tells what it has missed. */
  sync(position: Position): Promise<View>
  append(position: Position, tags: readonly string[], mode: PurgeMode): Promise<Appended>
  /** @returns undefined when the purge's epoch is over: it is not known who has heard of it */
  progress(appended: Appended): Promise<Progress | undefined>
  listen(listener: PurgeListener): Promise<Cancel>
  /** Ends the membership. */
  leave(): Promise<void>
}
