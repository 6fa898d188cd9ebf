import { joinSql, rawSql, sql, type SqlFragment } from '../../data/page/index.ts'
import type { Column } from './column.ts'
import type { FilterOperator, Resource } from './definition.ts'
import { parameterUnknown, valueInvalid } from './problems.ts'
import { comparedType } from './value-text.ts'

/** One condition that a client has set. */
export interface Filter {
  readonly column: Column
  readonly operator: FilterOperator
  /** Checked, in one spelling; more than one for `in` alone, which holds them sorted. */
  readonly values: readonly string[]
}

/** The parameters by which a list can be filtered: `name` or `name[operator]`. */
export function filterParameters ({ filters }: Resource): readonly string[] {
  return [...filters].flatMap(([name, operators]) => operators.map((operator) => parameterOf(name, operator)))
}

export function parameterOf (name: string, operator: FilterOperator): string {
  return operator === 'eq' ? name : `${name}[${operator}]`
}

/**
 * Reads one parameter as a filter.
 *
 * @param texts its values, as often as it was given
 * @param allowed answers all parameters, for a client that used another
 */
export function readFilter (
  resource: Resource,
  parameter: string,
  texts: readonly string[],
  allowed: () => readonly string[]
): Filter {
  const [, name = '', named = 'eq'] = /^(\w+)(?:\[(\w+)\])?$/.exec(parameter) ?? []
  const operator = resource.filters.get(name)?.find((each) => each === named)
  const column = resource.columns.get(name)
  if (operator === undefined || column === undefined) throw parameterUnknown(parameter, allowed())
  if (operator === 'in') return { column, operator, values: readMany(resource, column, parameter, texts) }
  const [text = '', ...more] = texts
  if (more.length > 0) throw valueInvalid(parameter, 'given once', texts.join('&'))
  if (operator !== 'null') return { column, operator, values: [readOne(column, parameter, text)] }
  if (text !== 'true' && text !== 'false') throw valueInvalid(parameter, '"true" or "false"', text)
  return { column, operator, values: [text] }
}

/** Commas separate values; whoever needs one in a value gives the parameter several times instead. */
function readMany (
  { limits }: Resource,
  column: Column,
  parameter: string,
  texts: readonly string[]
): readonly string[] {
  const [first = ''] = texts
  const values = texts.length === 1 ? first.split(',') : texts
  if (values.length > limits.values)
    throw valueInvalid(parameter, `at most ${limits.values} values`, `${values.length}`)
  return [...new Set(values.map((text) => readOne(column, parameter, text)))].toSorted()
}

function readOne (column: Column, parameter: string, text: string): string {
  const value = column.reader?.read(text)
  if (value === undefined) throw valueInvalid(parameter, column.reader?.rule ?? 'left out', text)
  return value
}

/** Each condition of its own, the values bound. */
export function filterSql ({ column, operator, values }: Filter): SqlFragment {
  const name = rawSql(column.sql)
  const type = rawSql(comparedType(column.type))
  switch (operator) {
    case 'null':
      return values[0] === 'true' ? sql`${name} is null` : sql`${name} is not null`
    case 'in':
      return sql`${name} = any(${values}::${type}[])`
    default:
      return sql`${name} ${rawSql(comparisons[operator])} ${values[0]}::${type}`
  }
}

const comparisons = { eq: '=', ne: '<>', gt: '>', gte: '>=', lt: '<', lte: '<=' } as const

/** All of them; `true` for none. */
export function allOf (conditions: readonly SqlFragment[]): SqlFragment {
  return conditions.length === 0 ? rawSql('true') : joinSql(conditions.map((each) => sql`(${each})`), ' and ')
}

/** One value for all requests for the same rows. */
export function canonicalFilters (filters: readonly Filter[]): readonly (readonly string[])[] {
  return filters.map(({ column, operator, values }) => [column.name, operator, ...values])
    .toSorted((a, b) => `${a[0]} ${a[1]}` < `${b[0]} ${b[1]}` ? -1 : 1)
}
