import { sqlTokens } from '../sql/index.ts'
import { StreamQueryError } from './errors.ts'
import { literalOf } from './literal.ts'

/**
 * One statement with its values in place of `$1`, `$2` and so on: `COPY` takes no parameters. Without a semicolon at
 * its end.
 *
 * @throws StreamQueryError for more than one statement, and for parameters without a value
 */
export function inlineValues (sql: string, values: readonly unknown[]): string {
  let inlined = ''
  let copied = 0
  for (const { kind, start, end } of sqlTokens(sql)) {
    if (kind === 'parameter') {
      const number = Number(sql.slice(start + 1, end))
      if (number < 1 || number > values.length)
        throw new StreamQueryError(`the query has $${number}, and there are ${values.length} values`)
      inlined += sql.slice(copied, start) + literalOf(values[number - 1])
      copied = end
    } else if (kind === 'sign' && sql[start] === ';') {
      if (sql.slice(end).trim() !== '')
        throw new StreamQueryError('one statement can be streamed, and something follows its semicolon')
      return inlined + sql.slice(copied, start)
    }
  }
  return inlined + sql.slice(copied)
}
