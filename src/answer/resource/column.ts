import type { TSchema } from 'typebox'
import { SettingError } from '../../kernel/index.ts'
import { type ValueReader, valueReader } from './value-text.ts'

/** Where a property's value comes from. */
export interface ColumnSource {
  /** An SQL expression over the resource's `from`. @default the property's name in snake_case */
  readonly sql?: string
  /** Its type in PostgreSQL. @default what the property's schema suggests, e.g. `bigint` for an integer */
  readonly type?: string
  /**
   * Whether it can be NULL; `false` is a promise that is not checked against the database.
   * @default whether the property may be null or missing by its schema
   */
  readonly nullable?: boolean
}

/** A column with everything known. */
export interface Column {
  readonly name: string
  readonly sql: string
  readonly type: string
  readonly isNullable: boolean
  /** Whether the declaration itself says that it is never NULL, whatever the database knows. */
  readonly isPromised: boolean
  /** How a client's text becomes its value; undefined for types that cannot be filtered by. */
  readonly reader: ValueReader | undefined
  /** The schema of the property; undefined for a column that is never shown. */
  readonly schema: JsonSchema | undefined
  /** Makes of what `pg` reads what the schema promises; undefined when that is the same. */
  readonly toJson: ((value: unknown) => unknown) | undefined
}

/** The parts of a JSON Schema that are looked at. */
export interface JsonSchema {
  readonly type?: string | readonly string[]
  readonly format?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly JsonSchema[]
  readonly description?: string
  readonly [keyword: string]: unknown
}

export function resolveColumn (
  name: string,
  schema: TSchema | undefined,
  source: string | ColumnSource = {},
  isRequired: boolean = true
): Column {
  const given: ColumnSource = typeof source === 'string' ? { sql: source } : source
  const [plain, mayBeNull] = withoutNull(schema as JsonSchema | undefined ?? {})
  const { sql = snakeCase(name), type = typeOf(plain), nullable = mayBeNull || !isRequired } = given
  if (sql.trim() === '') throw new SettingError(`columns.${name}`, 'an SQL expression', sql)
  const isNumber = plain.type === 'number' || plain.type === 'integer'
  return {
    name,
    sql,
    type,
    isNullable: nullable || schema === undefined && given.nullable === undefined,
    isPromised: given.nullable === false,
    reader: valueReader(type, choicesOf(plain)),
    schema: schema === undefined ? undefined : shownSchema(plain, nullable),
    // Driver and database know numbers that JavaScript does not; pg hands those over as text.
    toJson: isNumber ? (value) => typeof value === 'string' ? Number(value) : value : undefined,
  }
}

/** `Type.Union([X, Type.Null()])` is X that may be null. */
function withoutNull (schema: JsonSchema): readonly [JsonSchema, boolean] {
  const { anyOf } = schema
  const others = anyOf?.filter(({ type }) => type !== 'null')
  if (anyOf === undefined || others === undefined || others.length === anyOf.length) return [schema, false]
  const { anyOf: _, ...rest } = schema
  return [others.length === 1 ? { ...others[0], ...rest } : { ...rest, anyOf: others }, true]
}

/** A type with null beside it is compiled into a plain check, an `anyOf` into a validator that runs per value. */
function shownSchema (plain: JsonSchema, isNullable: boolean): JsonSchema {
  if (!isNullable) return plain
  if (typeof plain.type === 'string' && plain.enum === undefined && plain.const === undefined) {
    return { ...plain, type: [plain.type, 'null'] }
  }
  return { anyOf: [plain, { type: 'null' }] }
}

function choicesOf ({ enum: values, anyOf, const: value }: JsonSchema): readonly string[] | undefined {
  const choices = values ??
    (anyOf === undefined ? value === undefined ? undefined : [value] : anyOf.map((each) => each.const))
  return choices?.every((choice) => typeof choice === 'string') === true ? choices : undefined
}

const typesByFormat: Readonly<Record<string, string>> = {
  uuid: 'uuid',
  'date-time': 'timestamptz',
  date: 'date',
}
const typesByType: Readonly<Record<string, string>> = {
  integer: 'bigint',
  number: 'numeric',
  boolean: 'boolean',
}

/** A wide type for each: comparing an int column with a bigint, or a varchar with a text, still uses its index. */
function typeOf ({ type, format = '' }: JsonSchema): string {
  if (typeof type !== 'string') return 'text'
  return type === 'string' ? typesByFormat[format] ?? 'text' : typesByType[type] ?? 'jsonb'
}

function snakeCase (name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
