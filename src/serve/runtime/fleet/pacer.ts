import type { Clock, Random } from '../../../kernel/index.ts'
import type { Settings } from '../../settings/index.ts'
import type { SupervisorEvent } from '../supervisor-event.ts'
import { CrashLoop, loopFrom } from './crash-loop.ts'
import type { FleetWorker } from './fleet-worker.ts'

export interface PacerOptions {
  readonly clock: Clock
  readonly random: Random
  readonly report: (event: SupervisorEvent) => void
  /** A wait has ended. */
  readonly onFree: () => void
  readonly onGiveUp: () => void
}

/** Holds back the start of workers after crashes in a row, and tells of a loop. */
export class Pacer {
  readonly #options: PacerOptions
  readonly #loop: CrashLoop
  /** Counted rather than dated: a timer may fire a little before its time. */
  #waits = 0

  constructor (options: PacerOptions) {
    this.#options = options
    this.#loop = new CrashLoop(options.random)
  }

  get isFree (): boolean {
    return this.#waits === 0
  }

  crashed ({ startedAtMs, readyAtMs }: FleetWorker, { crash }: Settings): void {
    const { clock, report, onFree, onGiveUp } = this.#options
    const { crashes, waitMs, giveUp } = this.#loop.crashed(
      { startedAtMs, readyAtMs, nowMs: clock.now() },
      { baseMs: crash.backoffBase, capMs: crash.backoffCap, giveUpAfter: crash.giveUpAfter }
    )
    if (giveUp || (crashes >= loopFrom && waitMs > 0)) {
      report({ kind: 'crash-loop', crashes, waitMs, givenUp: giveUp })
    }
    if (giveUp) return onGiveUp()
    if (waitMs === 0) return
    this.#waits++
    clock.after(waitMs, () => {
      this.#waits--
      onFree()
    })
  }
}
