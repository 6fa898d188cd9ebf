import { StreamQueryError } from './errors.ts'
import { literalOf } from './literal.ts'

/**
 * What may hold a `$1` that is none, and what a statement's end is. Block comments are found by hand, since they nest.
 *
 * @see https://www.postgresql.org/docs/18/sql-syntax-lexical.html
 */
const token = new RegExp(
  [
    String.raw`(?<line>--[^\n]*)`,
    String.raw`(?<block>/\*)`,
    String.raw`(?<escaped>[eE]'(?:[^'\\]|\\.|'')*')`,
    String.raw`(?<text>'(?:[^']|'')*')`,
    String.raw`(?<name>"(?:[^"]|"")*")`,
    String.raw`(?<dollar>\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$)`,
    String.raw`(?<word>[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)`,
    String.raw`(?<parameter>\$\d+)`,
    '(?<end>;)',
  ].join('|'),
  'gs'
)

/**
 * One statement with its values in place of `$1`, `$2` and so on: `COPY` takes no parameters. Without a semicolon at
 * its end.
 *
 * @throws StreamQueryError for more than one statement, and for parameters without a value
 */
export function inlineValues (sql: string, values: readonly unknown[]): string {
  let inlined = ''
  let copied = 0
  token.lastIndex = 0
  for (let found = token.exec(sql); found !== null; found = token.exec(sql)) {
    const { block, dollar, parameter, end } = found.groups ?? {}
    if (block !== undefined) token.lastIndex = endOfComment(sql, found.index)
    else if (dollar !== undefined) {
      const close = sql.indexOf(dollar, token.lastIndex)
      token.lastIndex = close === -1 ? sql.length : close + dollar.length
    } else if (parameter !== undefined) {
      const number = Number(parameter.slice(1))
      if (number < 1 || number > values.length)
        throw new StreamQueryError(`the query has ${parameter}, and there are ${values.length} values`)
      inlined += sql.slice(copied, found.index) + literalOf(values[number - 1])
      copied = token.lastIndex
    } else if (end !== undefined) {
      if (sql.slice(token.lastIndex).trim() !== '')
        throw new StreamQueryError('one statement can be streamed, and something follows its semicolon')
      return inlined + sql.slice(copied, found.index)
    }
  }
  return inlined + sql.slice(copied)
}

function endOfComment (sql: string, start: number): number {
  const mark = /\/\*|\*\//g
  mark.lastIndex = start
  let depth = 0
  for (let found = mark.exec(sql); found !== null; found = mark.exec(sql)) {
    depth += found[0] === '/*' ? 1 : -1
    if (depth === 0) return mark.lastIndex
  }
  return sql.length
}
