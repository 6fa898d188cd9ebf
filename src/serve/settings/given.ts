import { SettingError } from '../../kernel/index.ts'
import { PlacedSettingError } from './errors.ts'
import type { SettingKey } from './settings.ts'
import type { SettingSpec } from './spec.ts'

/** What a value comes from, strongest first. */
export const settingOrigins = ['flag', 'environment', 'file', 'default'] as const

export type SettingOrigin = (typeof settingOrigins)[number]

/** A value that somebody gave, not yet checked. */
export interface Given {
  readonly spec: SettingSpec
  readonly data: unknown
  readonly origin: SettingOrigin
  /** Names the origin for people: the flag, the variable, the file. */
  readonly place: string
}

/** A value that is what it must be. */
export interface Accepted {
  readonly key: SettingKey
  readonly value: unknown
  readonly origin: SettingOrigin
  readonly place: string
}

/** @throws PlacedSettingError */
export function accept ({ spec, data, origin, place }: Given): Accepted {
  try {
    return { key: spec.key, value: spec.kind.read(data, spec.key), origin, place }
  } catch (error) {
    if (!(error instanceof SettingError)) throw error
    throw new PlacedSettingError({ setting: spec.key, rule: error.rule, value: error.value, place })
  }
}
