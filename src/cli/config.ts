import {
  type Mode,
  type ResolvedSettings,
  settingGroups,
  type SettingKey,
  settingSpecs,
  showSetting,
  withoutSecrets,
} from '../serve/settings/index.ts'
import type { Command } from './command.ts'
import { exitCodes } from './exit-code.ts'
import { painter } from './paint.ts'
import { findModule, settle } from './settle.ts'
import type { Surroundings } from './surroundings.ts'

/** `plimsoll config`: every setting, its value and who set it. */
export const config: Command = {
  name: 'config',
  operand: '[MODULE]',
  summary: 'Shows every setting with its value and where it comes from, and checks them.',
  details: ['It exits with 2 when a setting is wrong, and says all that is. Passwords are not shown.'],
  examples: [
    ['plimsoll config', 'what plimsoll serve would use here'],
    ['plimsoll config --dev', 'what plimsoll dev would use here'],
    ['plimsoll config --json | jq .settings.workers', 'one setting, for a script'],
  ],
  flags: [{ flag: '--dev', placeholder: '', help: 'Shows the settings of plimsoll dev.' }],
  mode: 'serve',
  async run (given, surroundings) {
    const mode = given.options['dev'] === true ? 'dev' : 'serve'
    if (given.operand !== undefined) findModule(given, surroundings)
    const resolved = await settle(given, surroundings, mode)
    const text = given.options['json'] === true ? asJson(resolved, mode) : asTable(resolved, surroundings)
    surroundings.stdout.write(text)
    return exitCodes.ok
  },
}

function asJson ({ settings, places, origins, warnings }: ResolvedSettings, mode: Mode): string {
  return `${
    JSON.stringify({ mode, settings: withoutSecrets(settings), origins, places, warnings }, null, 2)
  }\n`
}

function asTable (
  { settings, places, origins, warnings }: ResolvedSettings,
  surroundings: Surroundings
): string {
  const paint = painter(surroundings.stdout, surroundings)
  const rows = settingSpecs.map(({ key, group }) => ({
    key,
    group,
    value: showSetting(settings, key) || '-',
  }))
  const keyWidth = Math.max(...rows.map(({ key }) => key.length))
  const valueWidth = Math.min(40, Math.max(...rows.map(({ value }) => value.length)))
  const line = ({ key, value }: { key: SettingKey; value: string }): string => {
    const text = `  ${key.padEnd(keyWidth)}  ${value.padEnd(valueWidth)}  `
    return origins[key] === 'default' ? text + paint('dim', 'default') : paint('bold', text) + places[key]
  }
  const groups = settingGroups.map((group) =>
    [paint('bold', group), ...rows.filter((row) => row.group === group).map(line), ''].join('\n')
  )
  return [...groups, ...warnings.map((warning) => `${paint('yellow', 'warning')}: ${warning}\n`)].join('\n')
}
