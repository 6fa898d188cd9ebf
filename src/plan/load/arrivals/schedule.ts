import { seededRandom } from '../../../kernel/index.ts'
import type { Phase } from '../plan.ts'
import { RateArrivals } from './rate-arrivals.ts'
import { durationOf, segmentsOf, spreadOf } from './segments.ts'

/** A phase with its place in the run. */
export interface PhaseWindow {
  readonly name: string
  readonly phase: Phase
  readonly warmUp: boolean
  readonly startMs: number
  readonly endMs: number
}

/** Lays the phases one after the other. */
export function windowsOf (phases: readonly Phase[]): readonly PhaseWindow[] {
  let startMs = 0
  return phases.map((phase, at) => {
    const window = {
      name: phase.name ?? `${phase.kind} ${at + 1}`,
      phase,
      warmUp: phase.warmUp === true,
      startMs,
      endMs: startMs + durationOf(phase),
    }
    startMs = window.endMs
    return window
  })
}

/** Which of the arrivals are a thread's own. */
export interface Share {
  /** From 0. */
  readonly thread: number
  readonly threads: number
}

/**
 * The arrivals of a run in order, of which each thread takes every n-th. All threads walk through the same
 * sequence, so that the whole is the same for a seed, however many share it: even arrivals interleave, and a
 * Poisson process stays one.
 */
export class Schedule {
  /** Of the arrival that is due next, from the start of the run; `Infinity` after the last. */
  atMs: number = Infinity
  /** Index of its phase. */
  phase: number = 0
  /** Its journey; -1 where that is chosen by weight. */
  journey: number = -1
  readonly #windows: readonly PhaseWindow[]
  readonly #share: Share
  readonly #seed: number
  /** Arrivals so far, over all threads. */
  #count = 0
  #phase = -1
  #inPhase: (() => number) | undefined
  #replayed = -1

  constructor (windows: readonly PhaseWindow[], seed: number, share: Share) {
    this.#windows = windows
    this.#seed = seed
    this.#share = share
    this.advance()
  }

  /** Goes to this thread's next arrival. */
  advance (): void {
    const { thread, threads } = this.#share
    do this.#next()
    while (this.atMs !== Infinity && (this.#count - 1) % threads !== thread)
  }

  #next (): void {
    for (;;) {
      const window = this.#windows[this.#phase]
      const inPhaseMs = this.#inPhase?.() ?? Infinity
      if (window !== undefined && inPhaseMs !== Infinity) {
        this.atMs = window.startMs + inPhaseMs
        this.phase = this.#phase
        this.journey = journeyOf(window.phase, this.#replayed)
        this.#count++
        return
      }
      if (this.#phase >= this.#windows.length - 1) {
        this.atMs = Infinity
        return
      }
      this.#enter(this.#phase + 1)
    }
  }

  #enter (index: number): void {
    this.#phase = index
    this.#replayed = -1
    const phase = this.#windows[index]?.phase
    if (phase === undefined) return
    if (phase.kind === 'replay') {
      this.#inPhase = () => phase.atMs[++this.#replayed] ?? Infinity
      return
    }
    const random = seededRandom(this.#seed ^ Math.imul(index + 1, 0x9e3779b1))
    const arrivals = new RateArrivals(segmentsOf(phase), spreadOf(phase), random)
    this.#inPhase = () => arrivals.next()
  }
}

function journeyOf (phase: Phase, replayed: number): number {
  return phase.kind === 'replay' ? phase.journeys?.[replayed] ?? -1 : -1
}
