import { PlacedSettingError, SettingsError } from './errors.ts'
import { type Environment, givenByEnvironment, isSet, suspectVariables } from './from-environment.ts'
import { givenByFile } from './from-file.ts'
import { type Flags, givenByFlags } from './from-flags.ts'
import { accept, type Accepted, type Given, type SettingOrigin, settingOrigins } from './given.ts'
import { rules } from './rules.ts'
import type { SettingKey, Settings } from './settings.ts'
import type { SettingSpec } from './spec.ts'
import { findSpec, settingSpecs } from './specs.ts'

/** How the service is run: `dev` and `work` have other defaults for some settings. */
export type Mode = 'serve' | 'dev' | 'work'

export interface ResolveOptions {
  /** By name without dashes, as `util.parseArgs` gives them. @default none */
  readonly flags?: Flags
  /** @default none; pass `process.env` */
  readonly env?: Environment
  /** @default none; `findConfigFile` looks for it */
  readonly configFile?: URL | undefined
  /** @default 'serve' */
  readonly mode?: Mode
}

export interface ResolvedSettings {
  readonly settings: Settings
  /** What each value comes from. */
  readonly origins: Readonly<Record<SettingKey, SettingOrigin>>
  /** The same for people: the flag, the variable or the file; `default` for the rest. */
  readonly places: Readonly<Record<SettingKey, string>>
  /** What is not wrong but looks like a slip, a sentence each. */
  readonly warnings: readonly string[]
}

/**
 * Settles every setting: flags win over the environment, that over the config file, that over defaults.
 *
 * Every value that was given is checked, also one that a stronger source overrides.
 *
 * @throws SettingsError with everything that is wrong
 * @throws ConfigFileError when the file cannot be loaded
 */
export async function resolveSettings (
  { flags = {}, env = {}, configFile, mode = 'serve' }: ResolveOptions
): Promise<ResolvedSettings> {
  const byFlags = givenByFlags(flags)
  const byFile = configFile === undefined ? { given: [], errors: [] } : await givenByFile(configFile)
  const given = [...byFlags.given, ...givenByEnvironment(env), ...byFile.given, ...defaults(env, mode)]
  const errors = [...byFlags.errors, ...byFile.errors]
  const accepted = new Map<SettingKey, Accepted>()
  const refused = new Set<SettingKey>()
  for (const each of given) {
    try {
      const value = accept(each)
      if (!accepted.has(value.key)) accepted.set(value.key, value)
    } catch (error) {
      if (!(error instanceof PlacedSettingError)) throw error
      errors.push(error)
      refused.add(each.spec.key)
    }
  }
  capIdle(accepted)
  if (accepted.get('role')?.value === 'work') closeAddresses(accepted)
  const settings = nest(({ key }) => accepted.get(key)?.value)
  errors.push(...brokenRules(settings, accepted, refused))
  if (errors.length > 0) throw new SettingsError(errors)
  return {
    settings,
    origins: recordOf(({ key }) => accepted.get(key)?.origin ?? 'default'),
    places: recordOf(({ key }) => accepted.get(key)?.place ?? 'default'),
    warnings: suspectVariables(env),
  }
}

function defaults (env: Environment, mode: Mode): Given[] {
  return settingSpecs.flatMap((spec): Given[] => {
    if (spec.key === 'listen' && isSet(env, 'PORT')) return [listenAtPort(spec, env['PORT'] ?? '', mode)]
    const data = defaultOf(spec, mode, isSet(env, 'KUBERNETES_SERVICE_HOST'))
    return data === undefined ? [] : [{ spec, data, origin: 'default', place: 'default' }]
  })
}

function defaultOf ({ defaultIn, default: usual }: SettingSpec, mode: Mode, inKubernetes: boolean): unknown {
  if (mode === 'dev' && defaultIn.dev !== undefined) return defaultIn.dev
  if (inKubernetes && defaultIn.kubernetes !== undefined) return defaultIn.kubernetes
  return mode === 'work' ? defaultIn.work ?? usual : usual
}

/** A platform that sets PORT sends its traffic from outside; on a developer's machine nobody outside is meant. */
function listenAtPort (spec: SettingSpec, port: string, mode: Mode): Given {
  const host = mode === 'dev' ? '127.0.0.1' : '0.0.0.0'
  return { spec, data: [`${host}:${port}`], origin: 'environment', place: 'PORT' }
}

/** A default must not contradict what was given: a short `drain.grace` shortens the default of `drain.idle`. */
function capIdle (accepted: Map<SettingKey, Accepted>): void {
  const grace = accepted.get('drain.grace')
  const idle = accepted.get('drain.idle')
  if (grace === undefined || idle?.origin !== 'default') return
  accepted.set('drain.idle', { ...idle, value: Math.min(Number(idle.value), Number(grace.value)) })
}

/** What only works behind requests is reached by nobody, wherever the service would listen. */
function closeAddresses (accepted: Map<SettingKey, Accepted>): void {
  const listen = accepted.get('listen')
  if (listen !== undefined) accepted.set('listen', { ...listen, value: [] })
}

function nest (valueOf: (spec: SettingSpec) => unknown): Settings {
  const root: Record<string, unknown> = {}
  for (const spec of settingSpecs) {
    const [section = spec.key, name] = spec.key.split('.')
    const value = valueOf(spec)
    if (name === undefined) root[section] = value
    else root[section] = { ...(root[section] as object | undefined), [name]: value }
  }
  return root as unknown as Settings
}

function brokenRules (
  settings: Settings,
  accepted: ReadonlyMap<SettingKey, Accepted>,
  refused: ReadonlySet<SettingKey>
): PlacedSettingError[] {
  return rules.filter(({ keys }) => !keys.some((key) => refused.has(key))).flatMap(({ keys, broken }) => {
    const rule = broken(settings)
    if (rule === undefined) return []
    // The one to name is who gave the value; when that is a default, whoever gave the other one.
    const givers = keys.map((key) => accepted.get(key)).filter((each) => each !== undefined)
    const place = givers.toSorted(strongestFirst)[0]?.place ?? 'default'
    const value = settingOf(settings, keys[0])
    const message = `${keys[0]} must be ${rule}, got ${showSetting(settings, keys[0]) || 'nothing'}`
    return [new PlacedSettingError({ setting: keys[0], rule, value, place, message })]
  })
}

function strongestFirst (a: Accepted, b: Accepted): number {
  return settingOrigins.indexOf(a.origin) - settingOrigins.indexOf(b.origin)
}

function recordOf<T> (of: (spec: SettingSpec) => T): Readonly<Record<SettingKey, T>> {
  return Object.fromEntries(settingSpecs.map((spec) => [spec.key, of(spec)])) as Record<SettingKey, T>
}

/** One setting, by name, out of all. */
export function settingOf (settings: Settings, key: SettingKey): unknown {
  const [section = key, name] = key.split('.')
  const value: unknown = (settings as unknown as Record<string, unknown>)[section]
  return name === undefined ? value : (value as Record<string, unknown>)[name]
}

/** A setting's value for people, secrets hidden; empty when it has none. */
export function showSetting (settings: Settings, key: SettingKey): string {
  const value = settingOf(settings, key)
  const spec = findSpec(key)
  return value === undefined || spec === undefined ? '' : spec.kind.show(value as never)
}

/** The same settings, passwords hidden: fit to be shown. */
export function withoutSecrets (settings: Settings): Settings {
  return nest(({ key, kind }) => {
    const value = settingOf(settings, key)
    return kind.secret && value !== undefined ? showSetting(settings, key) : value
  })
}
