import type { Phase, Spread } from '../plan.ts'

/** A stretch of time whose rate changes along a straight line. */
export interface Segment {
  readonly durationMs: number
  readonly fromPerSecond: number
  readonly toPerSecond: number
}

/** The rate of a phase over time; of phases without one (replay, closed, pause), nothing. */
export function segmentsOf (phase: Phase): readonly Segment[] {
  switch (phase.kind) {
    case 'constant':
    case 'poisson':
      return [level(phase.perSecond, phase.durationMs)]
    case 'ramp':
      return [{
        durationMs: phase.durationMs,
        fromPerSecond: phase.fromPerSecond,
        toPerSecond: phase.toPerSecond,
      }]
    case 'steps':
      return Array.from(
        { length: phase.steps },
        (_, at) => level(phase.fromPerSecond + at * phase.byPerSecond, phase.eachMs)
      )
    case 'spike':
      return [
        level(phase.perSecond, phase.peakAtMs),
        level(phase.peakPerSecond, phase.peakForMs),
        level(phase.perSecond, phase.durationMs - phase.peakAtMs - phase.peakForMs),
      ]
    default:
      return []
  }
}

export function durationOf (phase: Phase): number {
  switch (phase.kind) {
    case 'steps':
      return phase.steps * phase.eachMs
    case 'replay':
      return phase.durationMs ?? phase.atMs.at(-1) ?? 0
    default:
      return phase.durationMs
  }
}

export function spreadOf (phase: Phase): Spread {
  if (phase.kind === 'poisson') return 'poisson'
  return 'spread' in phase && phase.spread !== undefined ? phase.spread : 'even'
}

function level (perSecond: number, durationMs: number): Segment {
  return { durationMs, fromPerSecond: perSecond, toPerSecond: perSecond }
}
