import { type Cancel, type Clock, runWithoutContext } from '../../../kernel/index.ts'
import { JobPayloadTooLargeError } from '../errors.ts'
import type { JobProgress } from '../job-run.ts'
import type { JobStore } from '../store/index.ts'
import { inBackground } from './background.ts'
import type { Run } from './run.ts'

/** Largest note, in characters of JSON. */
const noteLimit = 4_096
/** A job's notes are written so often at most, in milliseconds. */
const everyMs = 1_000

/** Writes what jobs tell of their progress: the latest of each, once a second. */
export class ProgressNotes {
  readonly #store: JobStore
  readonly #clock: Clock
  readonly #onWritten: (id: string) => void
  readonly #latest: Map<Run, string> = new Map()
  #cancel: Cancel | undefined

  constructor (store: JobStore, clock: Clock, onWritten: (id: string) => void) {
    this.#store = store
    this.#clock = clock
    this.#onWritten = onWritten
  }

  /** @throws JobPayloadTooLargeError for more than a note */
  note (run: Run, progress: JobProgress): void {
    if (!run.claimed.tracked || run.isOver) return
    const text = JSON.stringify(progress)
    if (text.length > noteLimit)
      throw new JobPayloadTooLargeError(`${run.name} (progress)`, text.length, noteLimit)
    this.#latest.set(run, text)
    this.#cancel ??= runWithoutContext(() => this.#clock.after(everyMs, () => void this.#write()))
  }

  close (): void {
    this.#cancel?.()
    this.#latest.clear()
  }

  async #write (): Promise<void> {
    this.#cancel = undefined
    const notes = [...this.#latest]
    this.#latest.clear()
    for (const [run, text] of notes) {
      if (run.isOver) continue
      try {
        await inBackground(this.#clock, () => this.#store.progress(run.batch.lease.token, run.id, text))
        this.#onWritten(run.id)
      } catch {
        // The next note says more.
      }
    }
  }
}
