import { sqlTokens } from '../sql/index.ts'

/** One statement of a file, without its semicolon. */
export interface Statement {
  readonly text: string
  /** Where it begins in the file, in UTF-16 units. */
  readonly start: number
}

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

  function finish (end: number): void {
    if (start !== undefined) statements.push({ text: sql.slice(start, end).trimEnd(), start })
    start = undefined
    previousWord = ''
    bodyDepth = 0
  }

  for (const token of sqlTokens(sql)) {
    if (token.kind === 'space' || token.kind === 'comment') continue
    const text = sql.slice(token.start, token.end)
    if (text === ';') {
      if (bodyDepth === 0) finish(token.start)
      continue
    }
    start ??= token.start
    if (token.kind !== 'word') continue
    // The body of standard SQL, in which semicolons end nothing.
    const word = text.toUpperCase()
    if (word === 'ATOMIC' && previousWord === 'BEGIN') bodyDepth = 1
    else if (word === 'CASE' && bodyDepth > 0) bodyDepth++
    else if (word === 'END' && bodyDepth > 0) bodyDepth--
    previousWord = word
  }
  finish(sql.length)
  return statements
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
