import {
  type CarriedContext,
  carryContext,
  type Clock,
  type Context,
  type Duration,
  parseDuration,
  SettingError,
  uuidv7,
} from '../../kernel/index.ts'
import type { EnqueueOptions, UniqueKey } from './job-options.ts'
import { checkAttempts, checkExpires, checkPriority } from './job-policy.ts'
import type { Job } from './job.ts'
import type { NewJob } from './store/index.ts'
import { checkUnique } from './unique-key.ts'

export interface NewJobParts {
  readonly clock: Clock
  readonly weights: (tenant: string) => number
}

/**
 * What is written for jobs that are enqueued together.
 *
 * @throws JobPayloadError, JobPayloadTooLargeError, SettingError
 */
export function newJobs<Input> (
  job: Job<Input>,
  inputs: readonly Input[],
  options: EnqueueOptions,
  context: Context | undefined,
  { clock, weights }: NewJobParts
): NewJob[] {
  const { name, policy } = job
  const tenant = checkTenant(options.tenant ?? context?.tenant ?? '')
  const nowMs = clock.epochMs()
  const runAtMs = startOf(options, nowMs)
  const expiresMs = options.expires === undefined ?
    policy.expiresMs :
    checkExpires(options.expires, 'expires')
  const given = options.unique === undefined ? undefined : checkUnique(options.unique, 'unique')
  const weight = checkWeight(weights(tenant), tenant)
  const priority = options.priority === undefined ?
    policy.priority :
    checkPriority(options.priority, 'priority')
  const attempts = options.attempts === undefined ?
    policy.attempts :
    checkAttempts(options.attempts, 'attempts')
  const expiresAtMs = expiresMs === undefined ? undefined : (runAtMs ?? nowMs) + expiresMs
  const tracked = options.tracked ?? policy.tracked
  const carried = carriedBy(context)
  // Written out: for each job of a bulk, a spread of what they share costs as much as all the rest.
  return inputs.map((input) => ({
    id: uuidv7(clock),
    name,
    tier: policy.tier,
    tenant,
    weight,
    priority,
    runAtMs,
    expiresAtMs,
    attempts,
    cap: policy.cap,
    tracked,
    context: carried,
    payload: job.write(input),
    unique: storedUnique(given ?? job.uniqueOf(input), nowMs),
  }))
}

/** The tenant is a column of its own. */
function carriedBy (context: Context | undefined): CarriedContext {
  const { tenant: _, ...carried } = carryContext(context)
  return carried
}

function startOf (
  { delay, runAt }: { readonly delay?: Duration; readonly runAt?: Date },
  nowMs: number
): number | undefined {
  if (delay !== undefined && runAt !== undefined)
    throw new SettingError('enqueue', 'given a delay or a runAt, not both', { delay, runAt })
  if (delay !== undefined) {
    const delayMs = parseDuration(delay, 'delay')
    return delayMs === 0 ? undefined : nowMs + delayMs
  }
  if (runAt === undefined) return undefined
  const atMs = runAt.getTime()
  if (!Number.isFinite(atMs)) throw new SettingError('runAt', 'a valid date', String(runAt))
  return atMs <= nowMs ? undefined : atMs
}

function storedUnique (unique: UniqueKey | undefined, nowMs: number): NewJob['unique'] {
  if (unique === undefined) return undefined
  return {
    key: unique.key,
    untilMs: unique.for === undefined ? undefined : nowMs + parseDuration(unique.for, 'unique.for'),
  }
}

function checkTenant (tenant: string): string {
  if (typeof tenant === 'string' && tenant.length <= 200) return tenant
  throw new SettingError('tenant', 'a text of at most 200 characters', tenant)
}

function checkWeight (weight: number, tenant: string): number {
  if (weight >= 0.001 && weight <= 1_000) return weight
  throw new SettingError(`weight of tenant ${tenant}`, 'from 0.001 to 1,000', weight)
}
