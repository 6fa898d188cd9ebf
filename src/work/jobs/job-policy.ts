import type { TSchema } from 'typebox'
import { type BackoffLimits, parseDuration, SettingError } from '../../kernel/index.ts'
import type { JobOptions } from './job-options.ts'
import { defaultTier, promiseMsOf, type Tier } from './tier.ts'

/** How a job is queued and run, with all defaults filled in. */
export interface JobPolicy {
  readonly tier: Tier
  readonly attempts: number
  readonly backoff: BackoffLimits
  /** Of one run; infinite for none. */
  readonly deadlineMs: number
  readonly expiresMs: number | undefined
  readonly priority: number
  readonly cap: number | undefined
  readonly transactional: boolean
  readonly tracked: boolean
  readonly maxBytes: number
}

/** The name of a job: letters, digits and `. _ : -`, beginning with a letter, at most 100. */
export const jobName: RegExp = /^[a-zA-Z][\w.:-]{0,99}$/

export function resolvePolicy (
  name: string,
  options: Omit<JobOptions<TSchema, TSchema, boolean>, 'run' | 'unique'>
): JobPolicy {
  const { tier = defaultTier, retry = {}, deadline = '5m', expires, priority = 0, cap } = options
  const { transactional = false, tracked = false, maxBytes = 65_536 } = options
  const setting = (part: string): string => `job ${name}: ${part}`
  promiseMsOf(tier, setting('tier'))
  const attempts = checkAttempts(retry.attempts ?? 10, setting('retry.attempts'))
  const baseMs = parseDuration(retry.base ?? '1s', setting('retry.base'))
  const capMs = parseDuration(retry.cap ?? '10m', setting('retry.cap'))
  if (!(baseMs >= 1)) throw new SettingError(setting('retry.base'), 'at least 1 ms', retry.base)
  if (!(capMs >= baseMs)) throw new SettingError(setting('retry.cap'), 'at least retry.base', retry.cap)
  const deadlineMs = deadline === 'none' ? Infinity : parseDuration(deadline, setting('deadline'))
  if (!(deadlineMs >= 1)) throw new SettingError(setting('deadline'), 'at least 1 ms, or "none"', deadline)
  if (cap !== undefined) checkWhole(cap, 1, 100_000, setting('cap'))
  return {
    tier,
    attempts,
    backoff: { baseMs, capMs },
    deadlineMs,
    expiresMs: expires === undefined ? undefined : checkExpires(expires, setting('expires')),
    priority: checkPriority(priority, setting('priority')),
    cap,
    transactional,
    tracked,
    maxBytes: checkWhole(maxBytes, 1, 16_777_216, setting('maxBytes')),
  }
}

export function checkPriority (value: number, setting: string): number {
  return checkWhole(value, -8, 7, setting)
}

export function checkAttempts (value: number, setting: string): number {
  return checkWhole(value, 1, 1_000, setting)
}

export function checkExpires (value: unknown, setting: string): number {
  const ms = parseDuration(value, setting)
  if (!(ms >= 1)) throw new SettingError(setting, 'at least 1 ms', value)
  return ms
}

function checkWhole (value: number, least: number, most: number, setting: string): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value
  throw new SettingError(setting, `a whole number from ${least} to ${most}`, value)
}
