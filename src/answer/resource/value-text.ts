import { uuidOf } from '../../kernel/index.ts'

/** Reads a client's text as a value of a type: what to bind, in one spelling, or undefined when it is none. */
export type ReadValue = (text: string) => string | undefined

/** How values of a type are read, and what is said of one that is not. */
export interface ValueReader {
  readonly read: ReadValue
  /** To follow "must be". */
  readonly rule: string
}

const longestText = 1_000
const int = (bits: number): ValueReader => ({
  read: (text) => readInteger(text, BigInt(bits - 1)),
  rule: 'a whole number',
})

const readers: Readonly<Record<string, ValueReader>> = {
  smallint: int(16),
  int: int(32),
  bigint: int(64),
  numeric: { read: readDecimal, rule: 'a decimal number' },
  float8: { read: readFloat, rule: 'a number' },
  real: { read: readReal, rule: 'a number' },
  boolean: {
    read: (text) => text === 'true' || text === 'false' ? text : undefined,
    rule: '"true" or "false"',
  },
  uuid: { read: uuidOf, rule: 'a UUID' },
  text: { read: readText, rule: `a text of at most ${longestText} characters` },
  date: { read: readDate, rule: 'a date such as 2026-03-01' },
  timestamptz: {
    read: readMoment,
    rule: 'a time such as 2026-03-01T12:00:00Z, with at most six decimal places',
  },
}

const aliases: Readonly<Record<string, string>> = {
  int2: 'smallint',
  integer: 'int',
  int4: 'int',
  int8: 'bigint',
  decimal: 'numeric',
  float4: 'real',
  'double precision': 'float8',
  bool: 'boolean',
  varchar: 'text',
  'character varying': 'text',
  char: 'text',
  character: 'text',
  bpchar: 'text',
  citext: 'text',
  'timestamp with time zone': 'timestamptz',
}

/**
 * The reader of a type of PostgreSQL. What it accepts, PostgreSQL accepts: no text of a client's can make a
 * statement fail.
 *
 * @param choices the only values there are, as of an enum
 * @returns undefined for a type that it does not know, unless there are choices
 */
export function valueReader (type: string, choices?: readonly string[]): ValueReader | undefined {
  if (choices !== undefined) {
    return {
      read: (text) => choices.includes(text) ? text : undefined,
      rule: `one of ${choices.join(', ')}`,
    }
  }
  const name = bareType(type)
  const known = aliases[name] ?? name
  return Object.hasOwn(readers, known) ? readers[known] : undefined
}

/**
 * The type to compare a client's value as: without a length, since a cast to `char(3)` cuts what is longer, and one
 * to `numeric(10,2)` rounds or fails.
 */
export function comparedType (type: string): string {
  const name = bareType(type)
  return name === 'char' || name === 'character' ? 'bpchar' : name
}

function bareType (type: string): string {
  return type.replace(/ *\(.*$/, '').toLowerCase()
}

function readInteger (text: string, bits: bigint): string | undefined {
  if (!/^-?\d{1,19}$/.test(text)) return undefined
  const value = BigInt(text)
  const limit = 1n << bits
  return value >= -limit && value < limit ? String(value) : undefined
}

function readDecimal (text: string): string | undefined {
  return /^-?\d{1,100}(?:\.\d{1,100})?$/.test(text) ? text : undefined
}

function readFloat (text: string): string | undefined {
  if (!/^-?\d{1,40}(?:\.\d{1,40})?(?:e[+-]?\d{1,3})?$/i.test(text)) return undefined
  const value = Number(text)
  return Number.isFinite(value) ? String(value) : undefined
}

/** PostgreSQL refuses what is too large, or too close to zero, for four bytes. */
function readReal (text: string): string | undefined {
  const value = readFloat(text)
  const narrow = Math.fround(Number(value))
  return Number.isFinite(narrow) && (narrow !== 0 || Number(value) === 0) ? value : undefined
}

/** PostgreSQL keeps no NUL. Lone surrogates cannot be written in UTF-8. */
function readText (text: string): string | undefined {
  return text.length <= longestText && !text.includes('\0') && text.isWellFormed() ? text : undefined
}

function readDate (text: string): string | undefined {
  const [, year = '', month = '', day = ''] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text) ?? []
  return isDay(Number(year), Number(month), Number(day)) ? text : undefined
}

/** @see https://www.rfc-editor.org/rfc/rfc3339#section-5.6 */
function readMoment (text: string): string | undefined {
  const parts = /^([\d-]{10})[Tt](\d\d):(\d\d):(\d\d)(?:\.\d{1,6})?(?:[Zz]|[+-](\d\d):(\d\d))$/.exec(text)
  if (parts === null) return undefined
  const [, date = '', hour, minute, second, zoneHour = '0', zoneMinute = '0'] = parts
  const isTime = Number(hour) <= 23 && Number(minute) <= 59 && Number(second) <= 59
  const isZone = Number(zoneHour) <= 14 && Number(zoneMinute) <= 59
  return isTime && isZone && readDate(date) !== undefined ? text.toUpperCase() : undefined
}

function isDay (year: number, month: number, day: number): boolean {
  if (year < 1 || month < 1 || month > 12 || day < 1) return false
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  const days = month === 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31
  return day <= days
}
