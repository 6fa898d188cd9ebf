import { isIP } from 'node:net'
import { formatBytes, formatDuration, parseBytes, parseDuration, SettingError } from '../../kernel/index.ts'
import { redactUrl } from './redact.ts'

/** What values a setting takes: how they are read, checked and shown. */
export interface Kind<T> {
  /** Stands for the value in help and docs, e.g. `DURATION`; empty for a flag without a value. */
  readonly placeholder: string
  /** A flag may be repeated, and the value is a list. */
  readonly list: boolean
  /** A value can hold a password, so it is shown only by `show`. */
  readonly secret: boolean
  /** Text of a flag or an environment variable, as the data a config file would hold; unreadable text stays. */
  fromText(text: string): unknown
  /** @throws SettingError when the data breaks the rule */
  read(data: unknown, setting: string): T
  /** Without secrets, in the form in which it can be written back. */
  show(value: T): string
}

const plain = { list: false, secret: false, fromText: (text: string): unknown => text, show: String }

/** A length of time; numbers are milliseconds. */
export function duration ({ above = -1 }: { above?: number } = {}): Kind<number> {
  return {
    ...plain,
    placeholder: 'DURATION',
    read (data, setting) {
      const ms = parseDuration(data, setting)
      if (ms > above) return ms
      throw new SettingError(setting, `a duration above ${formatDuration(above)}`, data)
    },
    show: (ms) => ms === 0 ? '0s' : formatDuration(ms),
  }
}

/** A size; numbers are bytes. */
export function size ({ least = 0 }: { least?: number } = {}): Kind<number> {
  return {
    ...plain,
    placeholder: 'SIZE',
    read (data, setting) {
      const bytes = parseBytes(data, setting)
      if (bytes >= least) return bytes
      throw new SettingError(setting, `a size of at least ${formatBytes(least)}`, data)
    },
    show: formatBytes,
  }
}

/** A whole number of at least `least`. */
export function integer ({ least }: { least: number }): Kind<number> {
  return {
    ...plain,
    placeholder: 'N',
    fromText: numberFromText,
    read (data, setting) {
      if (isWholeNumber(data, least)) return data
      throw new SettingError(setting, `a whole number of at least ${least}`, data)
    },
  }
}

/** A whole number of at least 1, or `auto`. */
export function integerOrAuto ({ least }: { readonly least: number } = { least: 1 }): Kind<number | 'auto'> {
  return {
    ...plain,
    placeholder: 'N|auto',
    fromText: numberFromText,
    read (data, setting) {
      if (data === 'auto' || isWholeNumber(data, least)) return data
      throw new SettingError(setting, `a whole number of at least ${least}, or "auto"`, data)
    },
  }
}

/** A share, 0 to 1. */
export function ratio (): Kind<number> {
  return {
    ...plain,
    placeholder: '0..1',
    fromText: numberFromText,
    read (data, setting) {
      if (typeof data === 'number' && data >= 0 && data <= 1) return data
      throw new SettingError(setting, 'a number from 0 to 1', data)
    },
  }
}

/** On or off; a flag without a value, with a `--no-` form. */
export function toggle (): Kind<boolean> {
  return {
    ...plain,
    placeholder: '',
    fromText: (text) => toggles.get(text) ?? text,
    read (data, setting) {
      if (typeof data === 'boolean') return data
      throw new SettingError(setting, 'true or false', data)
    },
  }
}

const toggles: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
])

/** One of a few words. */
export function choice<const T extends string> (...words: readonly T[]): Kind<T> {
  return {
    ...plain,
    placeholder: words.join('|'),
    read (data, setting) {
      const word = words.find((each) => each === data)
      if (word !== undefined) return word
      throw new SettingError(setting, `one of ${words.map((each) => `"${each}"`).join(', ')}`, data)
    },
  }
}

/** The path of a file or directory, from the working directory. */
export function path<T extends string | undefined> (): Kind<T | string> {
  return {
    ...plain,
    placeholder: 'PATH',
    read (data, setting) {
      if (typeof data === 'string' && data !== '') return data
      throw new SettingError(setting, 'a path', data)
    },
  }
}

/** Permissions as `chmod` writes them, e.g. `660`. */
export function fileMode (): Kind<string> {
  return {
    ...plain,
    placeholder: 'MODE',
    read (data, setting) {
      if (typeof data === 'string' && /^0?[0-7]{3}$/.test(data)) return data.slice(-3)
      throw new SettingError(setting, 'three octal digits as text, such as "660"', data)
    },
  }
}

/** A URL with one of the protocols, or one of the words. Its password is never shown, not even when refused. */
export function url (
  { protocols, words = [] }: { protocols: readonly string[]; words?: readonly string[] }
): Kind<string | undefined> {
  const rule = [`a URL such as ${protocols[0]}//host:port`, ...words.map((word) => `"${word}"`)].join(', or ')
  return {
    ...plain,
    placeholder: ['URL', ...words].join('|'),
    secret: true,
    read (data, setting) {
      if (typeof data !== 'string') throw new SettingError(setting, rule, typeof data)
      if (words.includes(data)) return data
      if (protocols.includes(URL.parse(data)?.protocol ?? '')) return data
      throw new SettingError(setting, rule, redactUrl(data))
    },
    show: (value) => value === undefined ? 'undefined' : redactUrl(value),
  }
}

/** Something that nobody may see, of at least so many characters. */
export function secret ({ least }: { least: number }): Kind<string> {
  return {
    ...plain,
    placeholder: 'SECRET',
    secret: true,
    read (data, setting) {
      if (typeof data === 'string' && data.length >= least) return data
      // The value is not repeated: it may be most of the right one.
      throw new SettingError(
        setting,
        `a secret of at least ${least} characters`,
        typeof data === 'string' ? `${data.length} characters` : typeof data
      )
    },
    show: () => '***',
  }
}

/** A comma-separated or repeated list of what `each` reads. */
export function list (each: Kind<string>, { least = 0 }: { least?: number } = {}): Kind<readonly string[]> {
  return {
    placeholder: each.placeholder,
    list: true,
    secret: each.secret,
    fromText: (text) => text.split(',').map((part) => part.trim()).filter((part) => part !== ''),
    read (data, setting) {
      const parts: unknown = typeof data === 'string' ? [data] : data
      if (!Array.isArray(parts)) throw new SettingError(setting, 'a list', data)
      if (parts.length < least) throw new SettingError(setting, `a list of at least ${least}`, data)
      return parts.map((part: unknown) => each.read(part, setting))
    },
    show: (values) => values.map((value) => each.show(value)).join(', '),
  }
}

/** An IP address or a CIDR block. */
export function network (): Kind<string> {
  return {
    ...plain,
    placeholder: 'CIDR',
    read (data, setting) {
      if (typeof data === 'string' && isNetwork(data)) return data
      throw new SettingError(setting, 'addresses or CIDR blocks such as "10.0.0.0/8" or "::1"', data)
    },
  }
}

function isNetwork (text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/')
  const version = isIP(address)
  if (version === 0 || rest.length > 0) return false
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128))
}

function isWholeNumber (data: unknown, least: number): data is number {
  return typeof data === 'number' && Number.isSafeInteger(data) && data >= least
}

function numberFromText (text: string): unknown {
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text
}
