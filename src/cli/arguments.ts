import { parseArgs } from 'node:util'
import { nearest, settingSpecs } from '../serve/settings/index.ts'
import { type Arguments, type Command, type CommandFlag, flagsOf, type OptionValue } from './command.ts'
import { UsageError } from './errors.ts'

/**
 * Takes the arguments of a command apart. Settings are checked later, together with those from other sources.
 *
 * @throws UsageError on a flag that does not exist, lacks its value or has one too many, or on an operand too many
 */
export function parseArguments (command: Command, args: readonly string[]): Arguments {
  const own = flagsOf(command)
  const specs = command.mode === undefined ? [] : settingSpecs
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries([...own.map(optionOfFlag), ...specs.map(optionOfSetting)]),
    // Our own errors below say more than those of `strict`.
    strict: false,
    allowNegative: true,
    allowPositionals: true,
    tokens: true,
  })
  const operands: string[] = []
  const options: Record<string, OptionValue> = {}
  const settings: Record<string, string | boolean | string[]> = {}
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue
    if (token.kind === 'positional') operands.push(token.value)
    else take(token, command, { own, specs }, options, settings)
  }
  if (operands.length > (command.operands ?? (command.operand === '' ? 0 : 1))) {
    throw new UsageError(
      `plimsoll ${command.name} does not know what to do with "${operands.at(-1)}"`,
      helpOf(command)
    )
  }
  const [operand, ...further] = operands
  return { operand, ...(further.length === 0 ? {} : { further }), options, settings }
}

/** The flags that a command knows. */
interface Known {
  readonly own: readonly CommandFlag[]
  readonly specs: typeof settingSpecs
}

interface OptionToken {
  readonly rawName: string
  readonly name: string
  readonly value?: string | undefined
  readonly inlineValue?: boolean | undefined
}

function take (
  token: OptionToken,
  command: Command,
  { own, specs }: Known,
  options: Record<string, OptionValue>,
  settings: Record<string, string | boolean | string[]>
): void {
  const flag = `--${token.name}`
  const isNegated = token.rawName === `--no-${token.name}`
  // A flag of a command may begin with --no- by itself.
  const mine = own.find((each) => each.flag === (isNegated ? token.rawName : flag))
  const spec = mine !== undefined ? undefined : specs.find((each) => each.flag === flag)
  const placeholder = mine?.placeholder ?? spec?.kind.placeholder
  if (placeholder === undefined || (isNegated && placeholder !== '')) {
    throw unknown(token.rawName, command, { own, specs })
  }
  const value = placeholder === '' ? withoutValue(token, command) : withValue(token, placeholder, command)
  if (mine?.list === true) {
    options[mine.flag.slice(2)] = [...(options[mine.flag.slice(2)] as string[] ?? []), String(value)]
  } else if (mine !== undefined) options[mine.flag.slice(2)] = value
  else if (spec?.kind.list === true)
    settings[token.name] = [...(settings[token.name] as string[] ?? []), String(value)]
  else if (spec !== undefined) settings[spec.flag.slice(2)] = isNegated ? false : value
}

function withValue (
  { value, inlineValue, rawName }: OptionToken,
  placeholder: string,
  command: Command
): string {
  const missing = value === undefined || value === '' || (inlineValue !== true && value.startsWith('-'))
  if (missing) throw new UsageError(`${rawName} needs a value: ${rawName} ${placeholder}`, helpOf(command))
  return value
}

function withoutValue ({ value, rawName }: OptionToken, command: Command): true {
  if (value === undefined) return true
  throw new UsageError(
    `${rawName} takes no value; to turn it off, use --no-${rawName.slice(2)}`,
    helpOf(command)
  )
}

function unknown (rawName: string, command: Command, { own, specs }: Known): UsageError {
  const flags = [...own.map(({ flag }) => flag), ...specs.map(({ flag }) => flag)]
  const meant = nearest(rawName, flags)
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`
  return new UsageError(`${rawName} is not a flag of plimsoll ${command.name}${hint}`, helpOf(command))
}

function optionOfFlag (
  { flag, placeholder }: CommandFlag
): [string, { type: 'string' | 'boolean'; short?: string }] {
  const short = shortOf(flag)
  const type = placeholder === '' ? 'boolean' : 'string'
  return [flag.slice(2), short === undefined ? { type } : { type, short: short.slice(1) }]
}

function optionOfSetting (
  { flag, kind }: (typeof settingSpecs)[number]
): [string, { type: 'string' | 'boolean'; multiple: boolean }] {
  return [flag.slice(2), { type: kind.placeholder === '' ? 'boolean' : 'string', multiple: kind.list }]
}

function shortOf (flag: string): string | undefined {
  return flag === '--help' ? '-h' : undefined
}

function helpOf ({ name }: Command): string {
  return `plimsoll ${name} --help`
}
