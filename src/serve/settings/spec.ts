import type { Kind } from './kind.ts'
import type { SettingKey, SettingValue } from './settings.ts'

/** The headings under which help and docs list the settings. */
export const settingGroups = [
  'Addresses',
  'Workers',
  'Request limits',
  'Overload and limits',
  'Cached answers',
  'Work behind the request',
  'Boot and drain',
  'Logs, traces and health',
  'Database and Redis',
  'Service',
] as const

export type SettingGroup = (typeof settingGroups)[number]

/** Where a default can differ: under `plimsoll dev` or `work`, or in a Kubernetes pod (KUBERNETES_SERVICE_HOST is set). */
export type Surroundings = 'dev' | 'work' | 'kubernetes'

/** One setting: the single statement from which flags, environment, help, docs and checks come. */
export interface SettingSpec<K extends SettingKey = SettingKey> {
  readonly key: K
  /** As typed on a command line, e.g. `--drain-grace`. */
  readonly flag: string
  /** The environment variable, e.g. `PLIMSOLL_DRAIN_GRACE`. */
  readonly env: string
  /** A variable others agreed on, e.g. `DATABASE_URL`; weaker than `env`. */
  readonly commonEnv: string | undefined
  readonly kind: Kind<SettingValue<K>>
  /** As a config file would write it; `undefined` for none. */
  readonly default: unknown
  /** Defaults of certain surroundings; the first that applies counts. */
  readonly defaultIn: Readonly<Partial<Record<Surroundings, unknown>>>
  readonly group: SettingGroup
  /** One sentence. */
  readonly help: string
}

/** A spec with flag and environment variable derived from its key. */
export function spec<K extends SettingKey> (
  key: K,
  { kind, group, help, commonEnv, default: fallback, defaultIn = {} }: {
    kind: Kind<SettingValue<K>>
    group: SettingGroup
    help: string
    commonEnv?: string
    default?: unknown
    defaultIn?: Partial<Record<Surroundings, unknown>>
  }
): SettingSpec<K> {
  const words = key.replace(/[A-Z]/g, (letter) => `.${letter}`).toLowerCase().split('.')
  return {
    key,
    flag: `--${words.join('-')}`,
    env: `PLIMSOLL_${words.join('_').toUpperCase()}`,
    commonEnv,
    kind,
    default: fallback,
    defaultIn,
    group,
    help,
  }
}
