import type { OrderColumn } from './order.ts'
import { joinSql, rawSql, sql, type SqlFragment } from './sql.ts'

/** A row's values in the columns of an order, as PostgreSQL writes them. */
export type KeyValues = readonly (string | null)[]

/**
 * The rows that follow a row in an order, as conditions to be read one after another: all rows of one come before
 * all rows of the next. Each is one stretch of an index on the order's columns.
 *
 * There are two only where NULLs of the first column are still to come, or are being left: no single condition
 * that an index can be entered by holds `x > 5` and `x IS NULL`.
 *
 * @param inclusive whether the row itself belongs to them
 */
export function rangesAfter (
  order: readonly OrderColumn[],
  values: KeyValues,
  inclusive: boolean
): readonly SqlFragment[] {
  const [first, ...rest] = order
  const [value = null, ...restValues] = values
  if (first === undefined) return []
  const name = rawSql(first.column)
  if (value === null) {
    const ties = sql`${name} is null and ${after(rest, restValues, inclusive)}`
    return first.nulls === 'first' ? [ties, sql`${name} is not null`] : [ties]
  }
  const range = stretch(order, values, inclusive)
  return first.nulls === 'last' ? [range, sql`${name} is null`] : [range]
}

/** The following rows whose first column is not NULL, with a bound that an index can be entered by. */
function stretch (order: readonly OrderColumn[], values: KeyValues, inclusive: boolean): SqlFragment {
  if (isOneComparison(order)) return comparison(order, values, inclusive)
  const [first, ...rest] = order as [OrderColumn, ...OrderColumn[]]
  const [value, ...restValues] = values
  const bound = comparison([first], [value ?? null], true)
  const beyond = comparison([first], [value ?? null], false)
  return sql`${bound} and (${beyond} or ${after(rest, restValues, inclusive)})`
}

/** Whether a row follows, as one condition, in parentheses when it has several parts. */
function after (order: readonly OrderColumn[], values: KeyValues, inclusive: boolean): SqlFragment {
  const [first, ...rest] = order as [OrderColumn, ...OrderColumn[]]
  const [value = null, ...restValues] = values
  const name = rawSql(first.column)
  if (value === null) {
    const ties = after(rest, restValues, inclusive)
    return first.nulls === 'first' ?
      sql`(${name} is not null or ${ties})` :
      sql`(${name} is null and ${ties})`
  }
  const isNull = sql`${name} is null`
  if (isOneComparison(order)) {
    const following = comparison(order, values, inclusive)
    return first.nulls === 'last' ? sql`(${following} or ${isNull})` : following
  }
  const beyond = comparison([first], [value], false)
  const tied = sql`${name} = ${typed(first, value)} and ${after(rest, restValues, inclusive)}`
  return joined([beyond, tied, ...first.nulls === 'last' ? [isNull] : []])
}

function joined (alternatives: readonly SqlFragment[]): SqlFragment {
  return sql`(${joinSql(alternatives, ' or ')})`
}

/**
 * Whether comparing rows says it all: one direction, and no NULL but in the first column, where a comparison
 * leaves it out.
 */
function isOneComparison (order: readonly OrderColumn[]): boolean {
  const [first, ...rest] = order
  return rest.every(({ direction, nulls }) => direction === first?.direction && nulls === 'never')
}

/** @see https://www.postgresql.org/docs/18/functions-comparisons.html#ROW-WISE-COMPARISON */
function comparison (order: readonly OrderColumn[], values: KeyValues, inclusive: boolean): SqlFragment {
  const operator = rawSql(`${order[0]?.direction === 'desc' ? '<' : '>'}${inclusive ? '=' : ''}`)
  const names = rawSql(order.map(({ column }) => column).join(', '))
  const bound = joinSql(order.map((column, at) => typed(column, values[at] ?? null)), ', ')
  return order.length === 1 ? sql`${names} ${operator} ${bound}` : sql`(${names}) ${operator} (${bound})`
}

function typed ({ type }: OrderColumn, value: string | null): SqlFragment {
  return sql`${value}::${rawSql(type)}`
}
