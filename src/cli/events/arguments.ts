import { hostname, userInfo } from 'node:os'
import { SettingError } from '../../kernel/index.ts'
import { type LogPosition, parsePosition } from '../../work/events/index.ts'
import type { Arguments } from '../command.ts'
import { UsageError } from '../errors.ts'

/** Who makes a change by hand, and why. */
export interface Operator {
  readonly actor: string
  readonly reason: string
}

/** Whose events are meant. */
export interface Reader {
  readonly kind: 'relay' | 'consumer'
  readonly name: string
}

/** What `plimsoll events` is to do. */
export type EventsRequest =
  | { readonly action: 'status' }
  | { readonly action: 'projections' }
  | { readonly action: 'show'; readonly id: string }
  | { readonly action: 'history'; readonly limit: number }
  | { readonly action: 'parked'; readonly relay: string | undefined; readonly limit: number }
  | HeldRequest
  | SettleRequest
  | ReplayRequest
  | RebuildRequest

export interface HeldRequest {
  readonly action: 'held'
  readonly consumer: string | undefined
  readonly limit: number
  readonly after: string | undefined
}

/** Parked events, or held keys, are tried again or given up. */
export interface SettleRequest {
  readonly action: 'redrive' | 'discard'
  readonly reader: Reader
  /** Ids of parked events, or keys that are held. */
  readonly which: readonly string[] | 'all'
  readonly operator: Operator
}

export interface ReplayRequest {
  readonly action: 'replay'
  readonly consumer: string
  readonly from: LogPosition | 'beginning'
  readonly operator: Operator
}

export interface RebuildRequest {
  readonly action: 'rebuild'
  readonly projection: string
  readonly acceptDifference: boolean
  readonly operator: Operator
}

const help = 'plimsoll events --help'
const actions = [
  'status',
  'show',
  'parked',
  'held',
  'redrive',
  'discard',
  'replay',
  'projections',
  'rebuild',
  'history',
] as const

type Action = typeof actions[number]

/** Flags that only some actions take; all others are common. */
const flagsOf: Readonly<Record<string, readonly Action[]>> = {
  relay: ['parked', 'redrive', 'discard'],
  consumer: ['held', 'redrive', 'discard'],
  all: ['redrive'],
  limit: ['parked', 'held', 'history'],
  after: ['held'],
  from: ['replay'],
  'accept-difference': ['rebuild'],
  actor: ['redrive', 'discard', 'replay', 'rebuild'],
  reason: ['redrive', 'discard', 'replay', 'rebuild'],
}

/**
 * Reads the command line of `plimsoll events`.
 *
 * @throws UsageError for what contradicts or is missing, SettingError for a value that breaks its rule
 */
export function readEventsArguments ({ operand, further: names = [], options }: Arguments): EventsRequest {
  const action = actionOf(operand)
  for (const [flag, takers] of Object.entries(flagsOf)) {
    if (options[flag] !== undefined && !takers.includes(action))
      throw new UsageError(`--${flag} says nothing to plimsoll events ${action}`, help)
  }
  const [relay, consumer] = [textOf(options['relay']), textOf(options['consumer'])]
  switch (action) {
    case 'status':
    case 'projections':
      exactly(names, 0, action)
      return { action }
    case 'history':
      exactly(names, 0, action)
      return { action, limit: limitOf(options) }
    case 'show':
      return { action, id: exactly(names, 1, 'show EVENT_ID')[0]! }
    case 'parked':
      exactly(names, 0, 'parked [--relay NAME]')
      return { action, relay, limit: limitOf(options) }
    case 'held': {
      exactly(names, 0, 'held [--consumer NAME]')
      const after = textOf(options['after'])
      if (after !== undefined && consumer === undefined)
        throw new UsageError('--after goes on with the keys of one consumer: say --consumer NAME', help)
      return { action, consumer, limit: limitOf(options), after }
    }
    case 'redrive':
    case 'discard':
      return {
        action,
        reader: readerOf(action, relay, consumer),
        which: whichOf(action, names, options, relay === undefined ? 'KEY' : 'EVENT_ID'),
        operator: operatorOf(action, options),
      }
    case 'replay':
      return {
        action,
        consumer: exactly(names, 1, 'replay CONSUMER')[0]!,
        from: placeOf(options['from']),
        operator: operatorOf(action, options),
      }
    case 'rebuild':
      return {
        action,
        projection: exactly(names, 1, 'rebuild PROJECTION')[0]!,
        acceptDifference: options['accept-difference'] === true,
        operator: operatorOf(action, options),
      }
  }
}

function actionOf (operand: string | undefined): Action {
  const action = actions.find((each) => each === operand)
  if (action !== undefined) return action
  const what = operand === undefined ? 'say what to do' : `there is no action "${operand}"`
  throw new UsageError(`${what}: ${actions.join(', ')}`, help)
}

function exactly (names: readonly string[], count: number, usage: string): readonly string[] {
  if (names.length !== count) throw new UsageError(`use it so: plimsoll events ${usage}`, help)
  return names
}

function readerOf (action: Action, relay: string | undefined, consumer: string | undefined): Reader {
  if (relay !== undefined && consumer === undefined) return { kind: 'relay', name: relay }
  if (consumer !== undefined && relay === undefined) return { kind: 'consumer', name: consumer }
  throw new UsageError(
    `say whose events to ${action}: either --relay NAME with ids of events, or --consumer NAME with keys`,
    help
  )
}

/** Nobody redrives all without saying so, and nobody gives up what he has not named. */
function whichOf (
  action: Action,
  names: readonly string[],
  { all }: Arguments['options'],
  what: string
): readonly string[] | 'all' {
  if (all === true && names.length > 0) throw new UsageError('--all means all: name none with it', help)
  if (all === true) return 'all'
  if (names.length === 0) {
    const orAll = action === 'redrive' ? ', or --all' : ''
    throw new UsageError(`say what to ${action}: plimsoll events ${action} ... ${what}${orAll}`, help)
  }
  return [...new Set(names)]
}

function operatorOf (action: Action, { actor, reason }: Arguments['options']): Operator {
  if (textOf(reason)?.trim() === undefined || textOf(reason)?.trim() === '')
    throw new UsageError(`say why, for the audit: plimsoll events ${action} ... --reason TEXT`, help)
  return { actor: textOf(actor) ?? `${userName()}@${hostname()}`, reason: String(reason).trim() }
}

/** A container may run as a user that no file of users knows. */
function userName (): string {
  try {
    return userInfo().username
  } catch {
    return String(process.getuid?.() ?? 'unknown')
  }
}

/** All effects of what is replayed happen again: from where is never guessed. */
function placeOf (given: unknown): LogPosition | 'beginning' {
  if (given === undefined) {
    throw new UsageError(
      'say from where to replay: --from beginning, or --from POSITION (plimsoll events show tells that of an event)',
      help
    )
  }
  if (given === 'beginning') return 'beginning'
  const position = parsePosition(String(given))
  if (position === undefined)
    throw new SettingError('--from', 'beginning, or a position such as 1.7421.16', given)
  return position
}

function limitOf ({ limit: given = '50' }: Arguments['options']): number {
  const limit = Number(given)
  if (!(Number.isInteger(limit) && limit >= 1 && limit <= 10_000))
    throw new SettingError('--limit', 'a whole number from 1 to 10,000', given)
  return limit
}

function textOf (given: unknown): string | undefined {
  return given === undefined ? undefined : String(given)
}
