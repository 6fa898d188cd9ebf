import type { Random } from '../../../kernel/index.ts'
import type { RotationReason } from '../supervisor-event.ts'

/** Limits of a worker's life; 0 for none. */
export interface RotationLimits {
  readonly requests: number
  readonly lifetimeMs: number
  readonly memoryBytes: number
}

/**
 * One worker's own limits: each larger by the same random share of up to `jitter`. Workers that started
 * together and share the load evenly would otherwise all be due together.
 *
 * @param jitter at least 0; 0.1 spreads over 10 %
 */
export function drawLimits (limits: RotationLimits, jitter: number, random: Random): RotationLimits {
  const factor = 1 + random() * jitter
  return {
    requests: Math.round(limits.requests * factor),
    lifetimeMs: limits.lifetimeMs * factor,
    // Memory is a property of the machine: going above it to spread would be what it is there to prevent.
    memoryBytes: limits.memoryBytes,
  }
}

/** Why a worker is due, if it is. */
export function rotationDue (
  limits: RotationLimits,
  { requests, ageMs, memoryBytes }: {
    readonly requests: number
    readonly ageMs: number
    readonly memoryBytes: number
  }
): RotationReason | undefined {
  if (limits.memoryBytes > 0 && memoryBytes >= limits.memoryBytes) return 'memory'
  if (limits.requests > 0 && requests >= limits.requests) return 'requests'
  if (limits.lifetimeMs > 0 && ageMs >= limits.lifetimeMs) return 'lifetime'
  return undefined
}
