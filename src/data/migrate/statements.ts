/** One statement of a file, without its semicolon. */
export interface Statement {
  readonly text: string
  /** Where it begins in the file, in UTF-16 units. */
  readonly start: number
}

/**
 * Everything in which a semicolon or a quote means itself, and words, which tell where a body of standard SQL
 * (BEGIN ATOMIC ... END) begins and ends. A string takes a backslash as escape only after E.
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
    '(?<end>;)',
  ].join('|'),
  'gs'
)

/**
 * Splits SQL into its statements, so that a failure can be placed and that what must run alone does. It
 * knows strings, quoted names, dollar quotes, nested comments and the bodies of SQL functions; it checks
 * nothing, so that every error is PostgreSQL's own.
 */
export function splitStatements (sql: string): readonly Statement[] {
  const statements: Statement[] = []
  let start: number | undefined
  let previousWord = ''
  let bodyDepth = 0
  token.lastIndex = 0

  function finish (end: number): void {
    if (start !== undefined) statements.push({ text: sql.slice(start, end).trimEnd(), start })
    start = undefined
    previousWord = ''
    bodyDepth = 0
  }

  let position = 0
  for (let found = token.exec(sql); found !== null; found = token.exec(sql)) {
    start ??= firstInk(sql, position, found.index)
    position = token.lastIndex
    const { line, block, dollar, word, end } = found.groups ?? {}
    if (line !== undefined) continue
    if (block !== undefined) {
      token.lastIndex = position = endOfComment(sql, found.index)
      continue
    }
    if (end !== undefined) {
      if (bodyDepth === 0) finish(found.index)
      continue
    }
    start ??= found.index
    if (dollar !== undefined) {
      const close = sql.indexOf(dollar, position)
      token.lastIndex = position = close === -1 ? sql.length : close + dollar.length
    }
    if (word === undefined) continue
    const upper = word.toUpperCase()
    if (upper === 'ATOMIC' && previousWord === 'BEGIN') bodyDepth = 1
    else if (upper === 'CASE' && bodyDepth > 0) bodyDepth++
    else if (upper === 'END' && bodyDepth > 0) bodyDepth--
    previousWord = upper
  }
  start ??= firstInk(sql, position, sql.length)
  finish(sql.length)
  return statements
}

/** Where something other than white space stands first between `from` and `to`. */
function firstInk (sql: string, from: number, to: number): number | undefined {
  const offset = sql.slice(from, to).search(/\S/)
  return offset === -1 ? undefined : from + offset
}

/** Comments nest in PostgreSQL. */
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

/** @returns the place of the character `offset` (in UTF-16 units); line and column count from 1 */
export function positionAt (text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset)
  const lineStart = before.lastIndexOf('\n') + 1
  return { line: before.split('\n').length, column: Array.from(before.slice(lineStart)).length + 1 }
}

/** PostgreSQL counts characters (code points), JavaScript UTF-16 units. */
export function utf16Offset (text: string, characters: number): number {
  let offset = 0
  for (const character of text) {
    if (characters-- <= 0) break
    offset += character.length
  }
  return offset
}
