import { type Cancel, type Clock, type Random, runWithoutContext } from '../../../kernel/index.ts'
import type { Logger } from '../../../telemetry/index.ts'
import type { JobStore } from '../store/index.ts'
import { inBackground } from './background.ts'

export interface UpkeepParts {
  readonly store: JobStore
  /** Jobs wait that did not before. */
  readonly onWaiting: () => void
  readonly logger: Logger
  readonly clock: Clock
  readonly random: Random
}

/** Each worker looks about so often, in milliseconds: half more or less. */
const everyMs = 1_000
/** Due times are looked at together in steps of so much, in milliseconds. */
const stepMs = 50
/** Due times that are remembered; the others are found at the next look. */
const mostSteps = 200

/** Keeps the store in order, and lets jobs in when they are due: about each second, and whenever one is known to be due. */
export class UpkeepLoop {
  readonly #parts: UpkeepParts
  /** Epoch times at which something becomes due, in steps. */
  readonly #due: Set<number> = new Set()
  #cancel: Cancel | undefined
  #nextMs = Infinity
  #looking: Promise<void> | undefined
  #isClosed = true
  #failures = 0

  constructor (parts: UpkeepParts) {
    this.#parts = parts
  }

  start (): void {
    this.#isClosed = false
    this.#schedule()
  }

  /** Something becomes due then. @param atMs milliseconds since the epoch */
  dueAt (atMs: number): void {
    if (this.#isClosed || this.#due.size >= mostSteps) return
    this.#due.add(Math.ceil(atMs / stepMs) * stepMs)
    if (this.#looking === undefined) this.#schedule()
  }

  async close (): Promise<void> {
    this.#isClosed = true
    this.#cancel?.()
    await this.#looking
  }

  #schedule (): void {
    const { clock, random } = this.#parts
    const nowMs = clock.epochMs()
    const regularMs = everyMs * (0.5 + random())
    const nextMs = Math.min(this.#nextMs, nowMs + regularMs, ...this.#due)
    if (nextMs === this.#nextMs) return
    this.#nextMs = nextMs
    this.#cancel?.()
    this.#cancel = runWithoutContext(() => clock.after(Math.max(0, nextMs - nowMs), () => this.#begin()))
  }

  #begin (): void {
    this.#nextMs = Infinity
    const nowMs = this.#parts.clock.epochMs()
    for (const atMs of this.#due) if (atMs <= nowMs) this.#due.delete(atMs)
    this.#looking = this.#look().finally(() => {
      this.#looking = undefined
      if (!this.#isClosed) this.#schedule()
    })
  }

  async #look (): Promise<void> {
    const { store, onWaiting, clock, logger } = this.#parts
    try {
      for (let more = true; more && !this.#isClosed;) {
        const upkeep = await inBackground(clock, () => store.upkeep())
        if (upkeep.died > 0)
          logger.error({ jobs: upkeep.died }, 'jobs are dead: their workers were lost with them')
        if (upkeep.recovered > 0) logger.warn({ jobs: upkeep.recovered }, 'jobs of lost workers wait again')
        if (upkeep.recovered + upkeep.promoted + upkeep.admitted > 0) onWaiting()
        more = upkeep.more
      }
      this.#failures = 0
    } catch (error) {
      if (this.#failures++ === 0) logger.warn({ err: error }, 'upkeep of the queue failed; trying again')
    }
  }
}
