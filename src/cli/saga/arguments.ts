import { readFileSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { resolve } from 'node:path'
import { SettingError } from '../../kernel/index.ts'
import type { SagaFilter, SagaStatus } from '../../work/saga/index.ts'
import type { Arguments } from '../command.ts'
import { UsageError } from '../errors.ts'
import type { Surroundings } from '../surroundings.ts'

/** What `plimsoll saga` is to do. */
export type SagaRequest =
  | { readonly action: 'list'; readonly filter: SagaFilter & { readonly limit: number } }
  | { readonly action: 'show'; readonly which: string }
  | {
    readonly action: 'signal'
    readonly which: string
    readonly name: string
    readonly payload: unknown
    readonly id: string | undefined
    readonly by: string
  }
  | { readonly action: 'resume'; readonly chosen: ChosenSagas; readonly force: boolean; readonly by: string }
  | {
    readonly action: 'skip'
    readonly which: string
    readonly patch: Readonly<Record<string, unknown>> | undefined
    readonly by: string
  }
  | {
    readonly action: 'cancel'
    readonly which: readonly string[]
    readonly reason: string
    readonly by: string
  }

/** Which sagas are resumed. */
export type ChosenSagas = readonly string[] | {
  readonly name: string | undefined
  readonly step: string | undefined
}

const help = 'plimsoll saga --help'
const actions = ['list', 'show', 'signal', 'resume', 'retry', 'skip', 'cancel'] as const

type Action = typeof actions[number]

const statuses: readonly SagaStatus[] = ['running', 'compensating', 'parked', 'completed', 'compensated']

/** Flags that only some actions take; all others are common. */
const flagsOf: Readonly<Record<string, readonly Action[]>> = {
  name: ['list', 'resume', 'retry'],
  status: ['list'],
  step: ['resume', 'retry'],
  all: ['resume', 'retry'],
  limit: ['list'],
  before: ['list'],
  payload: ['signal'],
  'signal-id': ['signal'],
  data: ['skip'],
  actor: ['signal', 'resume', 'retry', 'skip', 'cancel'],
  reason: ['cancel'],
}

/**
 * Reads the command line of `plimsoll saga`.
 *
 * @throws UsageError for what contradicts or is missing, SettingError for a value that breaks its rule
 */
export function readSagaArguments (
  { operand, further: names = [], options }: Arguments,
  { directory }: Pick<Surroundings, 'directory'>
): SagaRequest {
  const action = actionOf(operand)
  for (const [flag, takers] of Object.entries(flagsOf)) {
    if (options[flag] !== undefined && !takers.includes(action))
      throw new UsageError(`--${flag} says nothing to plimsoll saga ${action}`, help)
  }
  const by = textOf(options['actor']) ?? `${userInfo().username}@${hostname()}`
  switch (action) {
    case 'list':
      if (names.length > 0)
        throw new UsageError('plimsoll saga list takes no names; did you mean show?', help)
      return { action, filter: filterOf(options) }
    case 'show':
      return { action, which: exactly(names, 1, 'show SAGA')[0]! }
    case 'signal': {
      const [which, name] = exactly(names, 2, 'signal SAGA NAME')
      const payload = options['payload'] === undefined ?
        {} :
        jsonOf('--payload', options['payload'], directory)
      return { action, which: which!, name: name!, payload, id: textOf(options['signal-id']), by }
    }
    case 'resume':
    case 'retry':
      return { action: 'resume', chosen: chosenOf(names, options), force: action === 'retry', by }
    case 'skip':
      return {
        action,
        which: exactly(names, 1, 'skip SAGA')[0]!,
        patch: patchOf(options['data'], directory),
        by,
      }
    case 'cancel':
      if (names.length === 0)
        throw new UsageError('say which saga to cancel: plimsoll saga cancel SAGA', help)
      return { action, which: names, reason: textOf(options['reason']) ?? 'cancelled by hand', by }
  }
}

function actionOf (operand: string | undefined): Action {
  const action = actions.find((each) => each === operand)
  if (action !== undefined) return action
  const what = operand === undefined ? 'say what to do' : `there is no action "${operand}"`
  throw new UsageError(`${what}: ${actions.join(', ')}`, help)
}

function exactly (names: readonly string[], count: number, usage: string): readonly string[] {
  if (names.length !== count) throw new UsageError(`plimsoll saga ${usage}`, help)
  return names
}

function filterOf (options: Arguments['options']): SagaFilter & { readonly limit: number } {
  const { name, status, before } = options
  const limit = Number(options['limit'] ?? 50)
  if (!(Number.isInteger(limit) && limit >= 1 && limit <= 10_000))
    throw new SettingError('--limit', 'a whole number from 1 to 10,000', options['limit'])
  const given = textOf(status)?.split(',')
  const unknown = given?.find((each) => !statuses.includes(each as SagaStatus))
  if (unknown !== undefined) throw new SettingError('--status', `of ${statuses.join(', ')}`, unknown)
  return {
    limit,
    ...(name === undefined ? {} : { name: String(name) }),
    ...(given === undefined ? {} : { statuses: given as SagaStatus[] }),
    ...(before === undefined ? {} : { before: String(before) }),
  }
}

/** Nobody resumes all sagas without saying so. */
function chosenOf (names: readonly string[], { all, name, step }: Arguments['options']): ChosenSagas {
  if (all === true) {
    if (names.length > 0)
      throw new UsageError('--all means every saga that is parked; name none with it', help)
    return { name: textOf(name), step: textOf(step) }
  }
  if (name !== undefined || step !== undefined) throw new UsageError('--name and --step narrow --all', help)
  if (names.length === 0) throw new UsageError('say which sagas: their ids or keys, or --all', help)
  return names
}

function patchOf (given: unknown, directory: string): Readonly<Record<string, unknown>> | undefined {
  if (given === undefined) return undefined
  const patch = jsonOf('--data', given, directory)
  if (typeof patch === 'object' && patch !== null && !Array.isArray(patch))
    return patch as Record<string, unknown>
  throw new SettingError('--data', 'a JSON object', given)
}

function jsonOf (flag: string, given: unknown, directory: string): unknown {
  const text = String(given)
  try {
    return JSON.parse(text.startsWith('@') ? readFileSync(resolve(directory, text.slice(1)), 'utf8') : text)
  } catch (error) {
    throw new UsageError(`${flag} ${text} is not JSON: ${(error as Error).message}`, help)
  }
}

function textOf (given: unknown): string | undefined {
  return given === undefined ? undefined : String(given)
}
