import type { Settings } from '../settings/index.ts'
import { grantedCores } from './granted-cores.ts'

/** What one generation of workers runs with. */
export interface GrantedSettings {
  /** With nothing left at `auto` that hangs on the cores. */
  readonly settings: Settings
  readonly workers: number
}

/**
 * Settles what is `auto` by the granted cores: one worker for each, and threads for computing that share them
 * with those of the other workers, at least one in each.
 */
export function grantedSettings (settings: Settings, cores: number = grantedCores()): GrantedSettings {
  const { compute } = settings
  const workers = settings.workers === 'auto' ? cores : settings.workers
  const threads = compute.threads === 'auto' ? Math.max(1, Math.floor(cores / workers)) : compute.threads
  return { settings: { ...settings, workers, compute: { ...compute, threads } }, workers }
}

/**
 * What the supervisor itself has been built with stays as it was, until it is started anew.
 *
 * @returns `after` with those settings of `before`, and the names of those that were to change
 */
export function withFixedOf (before: Settings, after: Settings): {
  readonly settings: Settings
  readonly changed: readonly string[]
} {
  const { admin, acceptMode, heartbeat } = before
  const changed = Object.entries({ admin, acceptMode, heartbeat })
    .filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(after[key as keyof Settings]))
    .map(([key]) => key)
  return { settings: { ...after, admin, acceptMode, heartbeat }, changed }
}
