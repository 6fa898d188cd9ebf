import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseDuration, SettingError } from '../../kernel/index.ts'
import {
  arrivalProcesses,
  type LoadDefinition,
  type Method,
  methods,
  parseTarget,
  type StepDefinition,
} from '../../plan/load/scenario/index.ts'
import type { Arguments } from '../command.ts'
import { UsageError } from '../errors.ts'
import type { Surroundings } from '../surroundings.ts'
import { arrivalsOf } from './arrivals.ts'

/** What a command line asks to be run. */
export type LoadRequest =
  | { readonly kind: 'url'; readonly definition: LoadDefinition }
  | { readonly kind: 'scenario'; readonly module: URL; readonly overrides: Partial<LoadDefinition> }

const help = 'plimsoll load --help'
const ofSingleUrl = ['method', 'body', 'body-file', 'expect'] as const

/**
 * Reads the command line of `plimsoll load`.
 *
 * @throws UsageError for what contradicts or is not there, SettingError for a value that breaks its rule
 */
export function readLoadArguments (given: Arguments, { directory }: Surroundings): LoadRequest {
  const { operand, options } = given
  if (operand === undefined) throw new UsageError('say what to load: a URL, or the file of a scenario', help)
  const shared = sharedOf(options)
  const { target } = options
  if (/^[a-z][a-z\d+.-]*:\/\//i.test(operand)) {
    if (target !== undefined)
      throw new UsageError(`--target is for a scenario; ${operand} is a target itself`, help)
    return { kind: 'url', definition: { ...shared, ...definitionOf(operand, options, directory) } }
  }
  const path = resolve(directory, operand)
  if (!existsSync(path))
    throw new UsageError(`there is no scenario ${operand} (looked for ${path})${hint(operand)}`)
  const stray = ofSingleUrl.find((name) => options[name] !== undefined)
  if (stray !== undefined) {
    throw new UsageError(`--${stray} is for a single URL; a scenario says what it sends by itself`, help)
  }
  const overrides = { ...shared, ...(target === undefined ? {} : { target: targetOf(target) }) }
  return { kind: 'scenario', module: pathToFileURL(path), overrides }
}

/** Checked here, so that what is wrong is said of the flag and not of the scenario's file. */
function targetOf (text: unknown): string {
  parseTarget(text, '--target')
  return String(text)
}

function hint (operand: string): string {
  const isHost = /^(?:[\w.-]+|\[[\da-f:]+\]):\d+(?:\/|$)/i.test(operand) || operand.startsWith('localhost')
  return isHost ? `; did you mean http://${operand}?` : ''
}

type Options = Arguments['options']
type Shared = Omit<LoadDefinition, 'target' | 'journeys'>

/** What holds for a single URL as for a scenario. */
function sharedOf (options: Options): Partial<LoadDefinition> {
  const { fresh, 'warm-up': warmUp, timeout, arrivals: process, 'allow-lag': allowLag } = options
  const parts = arrivalsOf({ options })
  const connections = countOf(options, 'connections', 1)
  if (fresh === true && connections !== undefined) {
    throw new UsageError(
      '--fresh opens a connection for each request, so --connections cannot say how many',
      help
    )
  }
  const all: { [Name in keyof Shared]: Shared[Name] | undefined } = {
    arrivals: parts,
    process: process === undefined ? undefined : oneOf(process, arrivalProcesses, '--arrivals'),
    headers: options['header'] === undefined ? undefined : headersOf(options['header'] as readonly string[]),
    thresholds: options['threshold'] as readonly string[] | undefined,
    warmUp: warmUp === undefined ? undefined : parseDuration(warmUp, '--warm-up'),
    timeout: timeout === undefined ? undefined : parseDuration(timeout, '--timeout'),
    connections,
    fresh: fresh === true ? true : undefined,
    threads: countOf(options, 'threads', 1),
    allowLag: allowLag === undefined ? undefined : parseDuration(allowLag, '--allow-lag'),
    seed: countOf(options, 'seed', 0),
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

function definitionOf (
  operand: string,
  options: Options,
  directory: string
): Pick<LoadDefinition, 'target' | 'journeys'> {
  const url = URL.canParse(operand) ? new URL(operand) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    throw new SettingError('the URL', 'one such as "http://localhost:3000/products", without a user', operand)
  }
  const text = bodyOf(options, directory)
  const isTyped = Object.keys(headersOf(options['header'] as readonly string[] ?? []))
    .some((name) => name.toLowerCase() === 'content-type')
  const step: StepDefinition = {
    path: url.pathname + url.search,
    ...(options['method'] === undefined ? {} : { method: methodOf(options['method']) }),
    ...(text === undefined ? {} : { body: text }),
    ...(text !== undefined && !isTyped && isJson(text) ?
      { headers: { 'content-type': 'application/json' } } :
      {}),
    ...(options['expect'] === undefined ? {} : { expect: statusesOf(String(options['expect'])) }),
  }
  return { target: url.origin, journeys: [{ name: 'url', steps: [step] }] }
}

function methodOf (text: unknown): Method {
  return oneOf(String(text).toUpperCase(), methods, '--method')
}

function bodyOf (options: Options, directory: string): string | Uint8Array | undefined {
  const { body, 'body-file': file } = options
  if (file === undefined) return body as string | undefined
  if (body !== undefined) throw new UsageError('--body and --body-file are two bodies; say one', help)
  try {
    return new Uint8Array(readFileSync(resolve(directory, String(file))))
  } catch (error) {
    throw new UsageError(`--body-file ${String(file)} cannot be read: ${(error as Error).message}`)
  }
}

function isJson (body: string | Uint8Array): boolean {
  try {
    const value: unknown = JSON.parse(typeof body === 'string' ? body : new TextDecoder().decode(body))
    return typeof value === 'object' && value !== null
  } catch {
    return false
  }
}

function headersOf (lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(lines.map((line) => {
    const parts = /^([^\s:]+):\s*(.*?)\s*$/.exec(line)
    if (parts === null)
      throw new SettingError('--header', 'NAME: VALUE, such as "accept: application/json"', line)
    return [parts[1] ?? '', parts[2] ?? '']
  }))
}

function statusesOf (text: string): number[] {
  if (/^[1-5]\d\d(?:,[1-5]\d\d)*$/.test(text)) return text.split(',').map(Number)
  throw new SettingError('--expect', 'statuses such as "200" or "200,404"', text)
}

function countOf (options: Options, name: string, lowest: number): number | undefined {
  const text = options[name]
  if (text === undefined) return undefined
  const value = /^\d{1,10}$/.test(String(text)) ? Number(text) : NaN
  if (value >= lowest && value < 2 ** 32) return value
  throw new SettingError(`--${name}`, `a whole number of at least ${lowest}`, text)
}

function oneOf<T extends string> (text: unknown, choices: readonly T[], flag: string): T {
  const found = choices.find((choice) => choice === text)
  if (found !== undefined) return found
  throw new SettingError(flag, choices.join(', ').replace(/, ([^,]*)$/, ' or $1'), text)
}
