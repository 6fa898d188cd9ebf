import {
  type Mode,
  type SettingGroup,
  settingGroups,
  type SettingSpec,
  settingSpecs,
} from '../serve/settings/index.ts'
import { type Command, type CommandFlag, flagsOf } from './command.ts'
import { exitCodeMeanings } from './exit-code.ts'

const width = 100

/** `plimsoll --help`: the commands, and where to go on. */
export function renderOverview (commands: readonly Command[]): string {
  return sections([
    ['', ['Serves a Fastify service in several processes, reloads it without losing a request.']],
    ['Usage', ['plimsoll COMMAND [ARGUMENTS]', 'plimsoll COMMAND --help', 'plimsoll --version']],
    ['Commands', table(commands.map(({ name, operand, summary }) => [`${name} ${operand}`.trim(), summary]))],
    ['Examples', table(commands.flatMap(({ examples }) => examples.slice(0, 1)))],
    ['Exit codes', table(exitCodeMeanings.map(([code, meaning]) => [String(code), meaning]))],
  ])
}

/** `plimsoll COMMAND --help`: all its flags, with the defaults that hold for it. */
export function renderHelp (command: Command): string {
  const { name, operand, summary, details, examples, mode, settingGroups: shown } = command
  return sections([
    ['', [summary, ...details.flatMap((text) => ['', ...wrap(text, width)])]],
    ['Usage', [`plimsoll ${name} ${operand}`.trim() + ' [FLAGS]']],
    ['Examples', table(examples)],
    ['Flags', table(flagsOf(command).map(flagRow))],
    ...(mode === undefined ? [] : settingSections(mode, shown)),
    ['Exit codes', table(exitCodeMeanings.map(([code, meaning]) => [String(code), meaning]))],
  ])
}

function settingSections (
  mode: Mode,
  shown: readonly SettingGroup[] = settingGroups
): [heading: string, lines: string[]][] {
  const others = shown.length < settingGroups.length ?
    'All other settings of plimsoll serve are taken, too. ' :
    ''
  return [
    ...shown.map((group): [string, string[]] => [
      group,
      table(settingSpecs.filter((spec) => spec.group === group).map((spec) => settingRow(spec, mode))),
    ]),
    [
      'Settings elsewhere',
      wrap(
        others +
          'Each of these can stand in the environment (--drain-grace 10s is PLIMSOLL_DRAIN_GRACE=10s) and in ' +
          "plimsoll.config.ts (drain: { grace: '10s' }). Flags win over the environment, that over the file. " +
          'Durations: 250ms, 30s, 5m, 2h. Sizes: 16KiB, 64MiB. plimsoll config shows what holds.',
        width
      ),
    ],
  ]
}

function flagRow ({ flag, placeholder, help }: CommandFlag): readonly [string, string] {
  return [`${flag} ${placeholder}`.trim(), help]
}

function settingRow (spec: SettingSpec, mode: Mode): readonly [string, string] {
  const value = mode === 'serve' ? spec.default : spec.defaultIn[mode] ?? spec.default
  const others = spec.commonEnv === undefined ? '' : ` Also ${spec.commonEnv}.`
  const fallback = value === undefined || String(value) === '' ? '' : ` [${String(value)}]`
  return [`${spec.flag} ${spec.kind.placeholder}`.trim(), `${spec.help}${others}${fallback}`]
}

/** Rows in two columns; the second is wrapped, and starts on a line of its own beside a long first one. */
function table (rows: readonly (readonly [string, string])[]): string[] {
  const column = Math.min(34, Math.max(...rows.map(([left]) => left.length)) + 2)
  return rows.flatMap(([left, right]) => {
    const [first = '', ...rest] = wrap(right, width - column)
    const indent = ' '.repeat(column)
    const head = left.length + 2 <= column ? [left.padEnd(column) + first] : [left, indent + first]
    return [...head, ...rest.map((line) => indent + line)]
  })
}

function wrap (text: string, columns: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  return [...lines, line]
}

function sections (parts: readonly (readonly [heading: string, lines: readonly string[]])[]): string {
  const texts = parts.map(([heading, lines]) =>
    heading === '' ?
      lines.join('\n') :
      [`${heading}:`, ...lines.map((line) => `  ${line}`.trimEnd())].join('\n')
  )
  return `${texts.join('\n\n')}\n`
}
