/**
 * A setting whose value breaks a rule. It stops the boot: nothing is served on a guess.
 *
 * The message names the setting, the rule and the value, e.g. `workers must be a whole number of at
 * least 1, got "many"`, so that it can be shown as it is.
 */
export class SettingError extends Error {
  override readonly name = 'SettingError'
  /** Stable over releases: match on this, not on the message. */
  readonly code = 'SETTING_INVALID'
  /** The setting's name as its user writes it, e.g. `drain.grace`. */
  readonly setting: string
  /** What any value must satisfy, to follow "must be", e.g. `a duration such as "250ms" or "5m"`. */
  readonly rule: string
  /** What was given. */
  readonly value: unknown

  constructor (setting: string, rule: string, value: unknown) {
    super(`${setting} must be ${rule}, got ${show(value)}`)
    this.setting = setting
    this.rule = rule
    this.value = value
  }
}

function show (value: unknown): string {
  if (value === undefined) return 'nothing'
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'number') return String(value)
  return JSON.stringify(value) ?? String(value)
}
