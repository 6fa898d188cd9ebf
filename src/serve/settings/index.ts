export { type Address, parseAddress } from './address.ts'
export { ConfigFileError, PlacedSettingError, SettingsError } from './errors.ts'
export type { Environment } from './from-environment.ts'
export { findConfigFile } from './from-file.ts'
export type { Flags } from './from-flags.ts'
export { type SettingOrigin, settingOrigins } from './given.ts'
export type { Kind } from './kind.ts'
export { nearest } from './nearest.ts'
export { redactUrl } from './redact.ts'
export {
  type Mode,
  type ResolvedSettings,
  type ResolveOptions,
  resolveSettings,
  settingOf,
  showSetting,
  withoutSecrets,
} from './resolve.ts'
export { type Config, defineConfig, type SettingKey, type Settings } from './settings.ts'
export { type SettingGroup, settingGroups, type SettingSpec } from './spec.ts'
export { settingKeys, settingSpecs } from './specs.ts'
