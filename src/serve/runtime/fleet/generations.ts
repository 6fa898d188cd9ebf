import type { Clock } from '../../../kernel/index.ts'
import type { Settings } from '../../settings/index.ts'
import type { FailureReport } from '../protocol.ts'
import type { SupervisorEvent } from '../supervisor-event.ts'

/** What all workers of one generation share. */
export interface Generation {
  readonly number: number
  readonly settings: Settings
  /** Workers wanted; at least 1. */
  readonly size: number
}

/** How a reload ended. */
export type ReloadOutcome = 'done' | 'rolled-back' | 'stopped'

interface Reload {
  readonly before: Generation
  readonly startedAtMs: number
  readonly ended: PromiseWithResolvers<ReloadOutcome>
}

/** Which generation should serve, and the reload that is on its way to it. */
export class Generations {
  readonly #clock: Clock
  readonly #report: (event: SupervisorEvent) => void
  #current: Generation
  #isProven = false
  #isGoingBack = false
  #reload: Reload | undefined
  /** A number is used once, also by a generation that was rolled back. */
  #lastNumber = 1

  constructor (
    first: Omit<Generation, 'number'>,
    { clock, report }: { readonly clock: Clock; readonly report: (event: SupervisorEvent) => void }
  ) {
    this.#clock = clock
    this.#report = report
    this.#current = { ...first, number: 1 }
  }

  get current (): Generation {
    return this.#current
  }

  /** Whether a worker of the current generation has ever become ready. */
  get isProven (): boolean {
    return this.#isProven
  }

  /** Whether the current generation is the one before a failed reload, and workers of that are left. */
  get isGoingBack (): boolean {
    return this.#isGoingBack
  }

  /** Begins a reload; it is to be ended by {@link settled}, {@link rollBack} or {@link stop}. */
  begin (settings: Settings, size: number, cause: string): Promise<ReloadOutcome> {
    if (this.#reload !== undefined) throw new Error('a reload is under way already')
    const ended = Promise.withResolvers<ReloadOutcome>()
    this.#reload = { before: this.#current, startedAtMs: this.#clock.now(), ended }
    this.#current = { number: ++this.#lastNumber, settings, size }
    this.#isProven = false
    this.#isGoingBack = false
    this.#report({ kind: 'reload-started', generation: this.#current.number, cause })
    return ended.promise
  }

  resize (by: number): void {
    const size = Math.max(1, this.#current.size + by)
    this.#current = { ...this.#current, size }
    this.#report({ kind: 'scaled', workers: size })
  }

  /** A worker of this generation has become ready. */
  prove (generation: number): void {
    if (generation === this.#current.number) this.#isProven = true
  }

  /** Whether a reload is under way, and this generation is what it brings. */
  isOnTrial (generation: number): boolean {
    return this.#reload !== undefined && generation === this.#current.number
  }

  rollBack (error: FailureReport): void {
    if (this.#reload === undefined) return
    const { before: { number: kept } } = this.#reload
    this.#report({ kind: 'reload-rolled-back', generation: this.#current.number, kept, error })
    this.#current = this.#reload.before
    this.#isProven = true
    this.#isGoingBack = true
    this.#end('rolled-back')
  }

  /** Every worker is of the current generation. */
  settled (): void {
    this.#isGoingBack = false
    if (this.#reload === undefined) return
    const tookMs = this.#clock.now() - this.#reload.startedAtMs
    this.#report({ kind: 'reload-done', generation: this.#current.number, tookMs })
    this.#end('done')
  }

  /** There will be no further generation. */
  stop (): void {
    this.#end('stopped')
  }

  #end (outcome: ReloadOutcome): void {
    this.#reload?.ended.resolve(outcome)
    this.#reload = undefined
  }
}
