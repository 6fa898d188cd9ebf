// Writes the settings table of docs/settings.md from the one in the sources:
//   node --conditions=plimsoll-source scripts/settings-doc.ts           writes it
//   node --conditions=plimsoll-source scripts/settings-doc.ts --check   exits with 1 when it is stale
import { readFileSync, writeFileSync } from 'node:fs'
import { settingGroups, type SettingSpec, settingSpecs } from '../src/serve/settings/index.ts'

const file = new URL('../docs/settings.md', import.meta.url)
const begin = '<!-- settings: written by scripts/settings-doc.ts -->'
const end = '<!-- end of settings -->'

const written = readFileSync(file, 'utf8')
const fresh = withTables(written)
if (process.argv.includes('--check')) {
  if (fresh !== written) {
    process.stderr.write(
      'docs/settings.md is stale; run: node --conditions=plimsoll-source scripts/settings-doc.ts\n'
    )
    process.exitCode = 1
  }
} else {
  writeFileSync(file, fresh)
}

function withTables (text: string): string {
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from === -1 || to < from)
    throw new Error(`docs/settings.md must hold "${begin}" and, after it, "${end}"`)
  return `${text.slice(0, from)}${begin}\n\n${settingGroups.map(table).join('\n\n')}\n\n${text.slice(to)}`
}

function table (group: SettingSpec['group']): string {
  const rows = settingSpecs.filter((spec) => spec.group === group).map(row)
  return [
    `### ${group}`,
    '',
    '| Setting | Values | Default | What it does |',
    '| --- | --- | --- | --- |',
    ...rows,
  ]
    .join('\n')
}

function row (spec: SettingSpec): string {
  const also = spec.commonEnv === undefined ? '' : ` Also \`${spec.commonEnv}\`.`
  const values = spec.kind.placeholder === '' ? 'true, false' : spec.kind.placeholder.replaceAll('|', ', ')
  return `| \`${spec.key}\` | ${values}${spec.kind.list ? '; a list' : ''} | ${
    defaults(spec)
  } | ${spec.help}${also} |`
}

function defaults (spec: SettingSpec): string {
  const { dev, kubernetes } = spec.defaultIn
  return [
    shown(spec.default),
    ...(dev === undefined ? [] : [`in dev ${shown(dev)}`]),
    ...(kubernetes === undefined ? [] : [`in Kubernetes ${shown(kubernetes)}`]),
  ].join('; ')
}

function shown (value: unknown): string {
  const text = value === undefined ? '' : String(value)
  return text === '' ? 'none' : `\`${text}\``
}
