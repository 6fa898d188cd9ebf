import { SettingError } from '../../kernel/index.ts'

/** A setting that is wrong, and where its value stands. */
export class PlacedSettingError extends SettingError {
  /** Where the value stands: `--drain-grace`, `PLIMSOLL_DRAIN_GRACE`, a config file, or `default`. */
  readonly place: string

  /** @param options.message replaces the sentence made of setting, rule and value */
  constructor (
    { setting, rule, value, place, message }: {
      setting: string
      rule: string
      value: unknown
      place: string
      message?: string
    }
  ) {
    super(setting, rule, value)
    this.place = place
    this.message = `${message ?? this.message} (${place})`
  }
}

/** The settings cannot be used; `errors` holds everything that is wrong with them, not only the first. */
export class SettingsError extends AggregateError {
  override readonly name = 'SettingsError'
  /** Stable over releases: match on this, not on the message. */
  readonly code = 'SETTINGS_INVALID'
  declare readonly errors: PlacedSettingError[]

  constructor (errors: readonly PlacedSettingError[]) {
    const lines = errors.map(({ message }) => message)
    super(
      errors,
      lines.length === 1 ? lines[0] : [`${lines.length} settings are wrong:`, ...lines].join('\n  ')
    )
  }
}

/** The config file could not be read as one: it throws, does not parse, or exports something else. */
export class ConfigFileError extends Error {
  override readonly name = 'ConfigFileError'
  /** Stable over releases: match on this, not on the message. */
  readonly code = 'CONFIG_FILE_FAILED'
  /** The file's path. */
  readonly file: string

  constructor (file: string, problem: string, options?: ErrorOptions) {
    super(`${file} ${problem}`, options)
    this.file = file
  }
}
