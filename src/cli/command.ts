import type { Flags, Mode, SettingGroup } from '../serve/settings/index.ts'
import type { Surroundings } from './surroundings.ts'

/** One command of `plimsoll`: what help says about it, and what it does. */
export interface Command {
  readonly name: string
  /** What it does, in one line. */
  readonly summary: string
  /** What comes after the name, e.g. `MODULE`; empty for nothing. */
  readonly operand: string
  /** How many operands it takes at most. @default 1, or none where `operand` is empty */
  readonly operands?: number
  /** Further sentences for its own help. */
  readonly details: readonly string[]
  /** Command lines to copy, each with what it does. */
  readonly examples: readonly (readonly [line: string, what: string])[]
  /** Flags beside the settings and those that every command has. */
  readonly flags: readonly CommandFlag[]
  /** Which defaults of the settings its help shows; `undefined` for a command that takes no settings. */
  readonly mode: Mode | undefined
  /** The settings that its help shows; it takes the others as well. @default all */
  readonly settingGroups?: readonly SettingGroup[]
  /** @returns the exit code */
  run(given: Arguments, surroundings: Surroundings): Promise<number>
}

/** A command line, taken apart. */
export interface Arguments {
  /** What came after the command's name, if anything. */
  readonly operand: string | undefined
  /** What came after that, for a command that takes several operands. @default none */
  readonly further?: readonly string[]
  /** The command's own and common flags by name without dashes; `true` for one without a value. */
  readonly options: Readonly<Record<string, OptionValue | undefined>>
  /** Flags that are settings, for `resolveSettings`. */
  readonly settings: Flags
}

/** What a flag was given: a list for one that may be repeated. */
export type OptionValue = string | boolean | readonly string[]

/** A flag that is no setting. */
export interface CommandFlag {
  /** With its dashes. */
  readonly flag: string
  /** Stands for the value; empty for a flag without one. */
  readonly placeholder: string
  readonly help: string
  /** It may be given several times. @default false */
  readonly list?: boolean
}

const configFlag: CommandFlag = {
  flag: '--config',
  placeholder: 'FILE',
  help: 'Config file; plimsoll.config.ts (or .mts, .js, .mjs) if there.',
}

const commonFlags: readonly CommandFlag[] = [
  { flag: '--json', placeholder: '', help: 'Output for machines: JSON, never coloured.' },
  { flag: '--verbose', placeholder: '', help: 'Shows causes and stacks of errors.' },
  { flag: '--help', placeholder: '', help: 'Shows this help.' },
]

/** All flags of a command but the settings: its own, and those that every command has. */
export function flagsOf ({ flags, mode }: Command): readonly CommandFlag[] {
  return [...flags, ...(mode === undefined ? [] : [configFlag]), ...commonFlags]
}
