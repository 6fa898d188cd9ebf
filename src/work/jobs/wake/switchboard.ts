import type { Cancel } from '../../../kernel/index.ts'
import type { WakeCall, WakeLine } from './wake-line.ts'

type Hear = (call: WakeCall) => boolean | void

/**
 * Passes calls on within this process, and to other processes where none here takes them up.
 */
export class Switchboard {
  readonly #line: WakeLine
  readonly #listeners: Set<Hear> = new Set()
  #listening: Promise<void> | undefined

  constructor (line: WakeLine) {
    this.#line = line
  }

  /**
   * Something has become due.
   *
   * @param call.tiers who hears of it here and answers true has taken it up, so that nobody else needs to hear of it
   */
  call (call: WakeCall): void {
    const left = call.tiers.filter((tier) => !this.#ring({ tiers: [tier] }))
    const { cancelled = [], changed = [] } = call
    if (cancelled.length + changed.length > 0) this.#ring({ tiers: [], cancelled, changed })
    if (left.length + cancelled.length + changed.length > 0)
      this.#line.call({ tiers: left, cancelled, changed })
  }

  /** Hears of what this process calls; with `listen`, of what others call, too. */
  hear (hear: Hear): Cancel {
    this.#listeners.add(hear)
    return () => this.#listeners.delete(hear)
  }

  /** From now on others are heard. Resolves once they are, or as soon as it is clear that they are not for now. */
  listen (): Promise<void> {
    this.#listening ??= this.#line.listen((call) => this.#ring(call))
    return this.#listening
  }

  #ring (call: WakeCall): boolean {
    let taken = false
    for (const hear of this.#listeners) if (hear(call) === true) taken = true
    return taken
  }
}
