import { readFileSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { resolve } from 'node:path'
import { parseDuration, SettingError, uuidOf } from '../../kernel/index.ts'
import type { DeadFilter, Operator } from '../../work/jobs/dead/index.ts'
import type { Arguments } from '../command.ts'
import { UsageError } from '../errors.ts'
import type { Surroundings } from '../surroundings.ts'

/** What `plimsoll jobs` is to do. */
export type JobsRequest =
  | { readonly action: 'tiers' }
  | { readonly action: 'groups'; readonly filter: DeadFilter; readonly limit: number }
  | {
    readonly action: 'list'
    readonly filter: DeadFilter
    readonly limit: number
    readonly after: string | undefined
  }
  | { readonly action: 'show'; readonly id: string }
  | { readonly action: 'edit'; readonly id: string; readonly payload: string; readonly operator: Operator }
  | { readonly action: 'cancel'; readonly ids: readonly string[] }
  | DiscardRequest
  | RedriveRequest

export interface DiscardRequest {
  readonly action: 'discard'
  readonly filter: DeadFilter
  readonly operator: Operator
  readonly isDry: boolean
}

export interface RedriveRequest {
  readonly action: 'redrive'
  readonly filter: DeadFilter
  readonly operator: Operator
  readonly isDry: boolean
  /** What is not said has the defaults of a redrive. */
  readonly options: {
    readonly perSecond?: number
    readonly tests?: number
    readonly limit?: number
    readonly stopAfter?: number
    readonly underWay?: number
    readonly tries?: 'one' | 'all'
  }
}

const help = 'plimsoll jobs --help'
const actions = ['tiers', 'groups', 'list', 'show', 'edit', 'redrive', 'discard', 'cancel'] as const

type Action = typeof actions[number]

/** Flags that only some actions take; all others are common. */
const flagsOf: Readonly<Record<string, readonly Action[]>> = {
  group: ['groups', 'list', 'redrive', 'discard'],
  name: ['groups', 'list', 'redrive', 'discard'],
  tier: ['groups', 'list', 'redrive', 'discard'],
  tenant: ['groups', 'list', 'redrive', 'discard'],
  release: ['groups', 'list', 'redrive', 'discard'],
  since: ['groups', 'list', 'redrive', 'discard'],
  before: ['groups', 'list', 'redrive', 'discard'],
  all: ['redrive', 'discard'],
  limit: ['groups', 'list', 'redrive'],
  after: ['list'],
  payload: ['edit'],
  test: ['redrive'],
  rate: ['redrive'],
  ahead: ['redrive'],
  'stop-after': ['redrive'],
  'under-way': ['redrive'],
  tries: ['redrive'],
  'dry-run': ['redrive', 'discard'],
  actor: ['edit', 'redrive', 'discard'],
  reason: ['edit', 'redrive', 'discard'],
}

/**
 * Reads the command line of `plimsoll jobs`.
 *
 * @param nowMs epoch milliseconds, from which ages count back
 * @throws UsageError for what contradicts or is missing, SettingError for a value that breaks its rule
 */
export function readJobsArguments (
  { operand, further: ids = [], options }: Arguments,
  { directory }: Pick<Surroundings, 'directory'>,
  nowMs: number
): JobsRequest {
  const action = actionOf(operand)
  for (const [flag, takers] of Object.entries(flagsOf)) {
    if (options[flag] !== undefined && !takers.includes(action))
      throw new UsageError(`--${flag} says nothing to plimsoll jobs ${action}`, help)
  }
  const { payload, after } = options
  const strange = ids.find((id) => uuidOf(id) === undefined)
  if (strange !== undefined)
    throw new UsageError(
      `"${strange}" is not the id of a job: plimsoll jobs list shows those of dead letters`,
      help
    )
  switch (action) {
    case 'tiers':
      none(ids, action)
      return { action }
    case 'groups':
      none(ids, action)
      return { action, filter: filterOf(options, [], nowMs), limit: countOf(options, 'limit') ?? 50 }
    case 'list': {
      const limit = countOf(options, 'limit') ?? 50
      return { action, filter: filterOf(options, ids, nowMs), limit, after: textOf(after) }
    }
    case 'show':
      return { action, id: theOne(ids, action) }
    case 'edit':
      if (payload === undefined)
        throw new UsageError('edit needs the new payload: --payload JSON|@FILE', help)
      return {
        action,
        id: theOne(ids, action),
        payload: payloadOf(String(payload), directory),
        operator: operatorOf(options),
      }
    case 'cancel':
      if (ids.length === 0) throw new UsageError('say which job to cancel: plimsoll jobs cancel ID', help)
      return { action, ids }
    case 'discard':
      return { action, ...chosen(options, ids, nowMs) }
    case 'redrive':
      return { action, ...chosen(options, ids, nowMs), options: redriveOptions(options) }
  }
}

function actionOf (operand: string | undefined): Action {
  const action = actions.find((each) => each === operand)
  if (action !== undefined) return action
  const what = operand === undefined ? 'say what to do' : `there is no action "${operand}"`
  throw new UsageError(`${what}: ${actions.join(', ')}`, help)
}

function theOne (ids: readonly string[], action: Action): string {
  const [id, ...others] = ids
  if (id === undefined || others.length > 0)
    throw new UsageError(`plimsoll jobs ${action} takes the id of one job`, help)
  return id
}

function none (ids: readonly string[], action: Action): void {
  if (ids.length > 0) throw new UsageError(`plimsoll jobs ${action} takes no ids`, help)
}

/** Which letters an action is for that changes them: nobody does that to all without saying so. */
function chosen (
  options: Arguments['options'],
  ids: readonly string[],
  nowMs: number
): { readonly filter: DeadFilter; readonly operator: Operator; readonly isDry: boolean } {
  const filter = filterOf(options, ids, nowMs)
  const isEverything = Object.values(filter).every((value) => value === undefined)
  if (isEverything && options['all'] !== true)
    throw new UsageError('say which letters: ids, --group, --name, ...; or --all for every one', help)
  if (!isEverything && options['all'] === true)
    throw new UsageError('--all means every letter; leave it out where something else says which', help)
  return { filter, operator: operatorOf(options), isDry: options['dry-run'] === true }
}

function filterOf (options: Arguments['options'], ids: readonly string[], nowMs: number): DeadFilter {
  const { group, name, tier, tenant, release } = options
  return {
    ids: ids.length === 0 ? undefined : ids,
    fingerprint: textOf(group),
    name: textOf(name),
    tier: textOf(tier),
    tenant: textOf(tenant),
    version: textOf(release),
    sinceMs: timeOf(options, 'since', nowMs),
    beforeMs: timeOf(options, 'before', nowMs),
  }
}

function redriveOptions (options: Arguments['options']): RedriveRequest['options'] {
  const { test, tries, rate } = options
  const limit = countOf(options, 'limit')
  if (test === true && limit !== undefined)
    throw new UsageError('--test is one letter; leave --limit out', help)
  if (tries !== undefined && tries !== 'one' && tries !== 'all')
    throw new SettingError('--tries', 'one or all', tries)
  const given = {
    perSecond: rate === undefined ? undefined : numberOf('--rate', rate),
    tests: countOf(options, 'ahead'),
    limit: test === true ? 1 : limit,
    stopAfter: countOf(options, 'stop-after'),
    underWay: countOf(options, 'under-way'),
    tries,
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

function operatorOf ({ actor, reason }: Arguments['options']): Operator {
  return { actor: textOf(actor) ?? `${userName()}@${hostname()}`, reason: textOf(reason) }
}

/** A container may run as a user that no file of users knows. */
function userName (): string {
  try {
    return userInfo().username
  } catch {
    return String(process.getuid?.() ?? 'unknown')
  }
}

function payloadOf (given: string, directory: string): string {
  if (!given.startsWith('@')) return given
  try {
    return readFileSync(resolve(directory, given.slice(1)), 'utf8').trim()
  } catch (error) {
    throw new UsageError(`--payload ${given} cannot be read: ${(error as Error).message}`)
  }
}

function timeOf (options: Arguments['options'], name: string, nowMs: number): number | undefined {
  const given = textOf(options[name])
  if (given === undefined) return undefined
  const timeMs = Date.parse(given)
  if (/^\d{4}-\d\d-\d\d/.test(given) && !Number.isNaN(timeMs)) return timeMs
  try {
    return nowMs - parseDuration(given as `${number}s`)
  } catch {
    throw new SettingError(
      `--${name}`,
      'an age such as 2h or 30d, or a time such as 2026-11-23T05:00Z',
      given
    )
  }
}

function countOf (options: Arguments['options'], name: string): number | undefined {
  const given = options[name]
  if (given === undefined) return undefined
  const count = numberOf(`--${name}`, given)
  if (!Number.isInteger(count)) throw new SettingError(`--${name}`, 'a whole number', given)
  return count
}

function numberOf (flag: string, given: unknown): number {
  const number = Number(given)
  if (!/^\d/.test(String(given)) || Number.isNaN(number)) throw new SettingError(flag, 'a number', given)
  return number
}

function textOf (given: unknown): string | undefined {
  return given === undefined ? undefined : String(given)
}
