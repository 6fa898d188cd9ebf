/** What a piece of SQL is, as far as its letters tell. */
export type SqlKind =
  | 'space'
  | 'comment'
  /** A string in any of its forms, with its prefix: `'a'`, `E'\n'`, `B'01'`, `$tag$a$tag$`. */
  | 'literal'
  | 'number'
  /** `$1`. */
  | 'parameter'
  /** A key word, or a name without quotes. */
  | 'word'
  /** A name in quotes. */
  | 'quoted-name'
  /** One character of anything else: an operator, a parenthesis, a semicolon. */
  | 'sign'

export interface SqlToken {
  readonly kind: SqlKind
  /** In UTF-16 units. */
  readonly start: number
  readonly end: number
  /** `false` for a comment, a literal or a quoted name that the text ends in. */
  readonly closed: boolean
}

/**
 * Takes SQL apart, as PostgreSQL's lexer does with `standard_conforming_strings` on: the tokens cover the text without a
 * gap. It checks nothing, and is no parser: enough to find what is a statement, a parameter or a literal, and what only
 * looks like it.
 *
 * @see https://www.postgresql.org/docs/18/sql-syntax-lexical.html
 */
export function* sqlTokens (text: string): Generator<SqlToken, void, undefined> {
  for (let start = 0; start < text.length;) {
    start = yield* tokenAt(text, start)
  }
}

function* tokenAt (text: string, start: number): Generator<SqlToken, number, undefined> {
  for (const [kind, pattern] of plain) {
    const end = endOf(pattern, text, start)
    if (end === undefined) continue
    yield { kind, start, end, closed: true }
    return end
  }
  for (const { kind, opens, endOfRest } of enclosed) {
    const opened = endOf(opens, text, start)
    if (opened === undefined) continue
    const end = endOfRest(text, start, opened)
    yield { kind, start, end: end ?? text.length, closed: end !== undefined }
    return end ?? text.length
  }
  const end = endOf(word, text, start)
  yield end === undefined ?
    { kind: 'sign', start, end: start + 1, closed: true } :
    { kind: 'word', start, end, closed: true }
  return end ?? start + 1
}

const word = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y

/** What ends where its letters do. */
const plain: readonly (readonly [SqlKind, RegExp])[] = [
  ['space', /\s+/y],
  ['comment', /--[^\r\n]*/y],
  ['parameter', /\$\d+/y],
  ['number', /\.?\d(?:[\w.]|(?<=\d[eE])[+-](?=\d))*/y],
]

/** What ends where it is closed. */
const enclosed: readonly {
  readonly kind: SqlKind
  readonly opens: RegExp
  /** @returns `undefined` where it does not end */
  readonly endOfRest: (text: string, start: number, opened: number) => number | undefined
}[] = [
  { kind: 'comment', opens: /\/\*/y, endOfRest: (text, start) => endOfComment(text, start) },
  {
    kind: 'literal',
    opens: /[eE]'/y,
    endOfRest: (text, _, opened) => endOf(/(?:[^'\\]|\\[^]|'')*'/y, text, opened),
  },
  {
    kind: 'literal',
    opens: /(?:[bBxXnN]|[uU]&)?'/y,
    endOfRest: (text, _, opened) => endOf(/(?:[^']|'')*'/y, text, opened),
  },
  {
    kind: 'quoted-name',
    opens: /(?:[uU]&)?"/y,
    endOfRest: (text, _, opened) => endOf(/(?:[^"]|"")*"/y, text, opened),
  },
  {
    kind: 'literal',
    opens: /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y,
    endOfRest (text, start, opened) {
      const close = text.indexOf(text.slice(start, opened), opened)
      return close === -1 ? undefined : close + opened - start
    },
  },
]

function endOf (pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : undefined
}

/** They nest. */
function endOfComment (text: string, start: number): number | undefined {
  const edge = /\/\*|\*\//g
  edge.lastIndex = start
  for (let depth = 0;;) {
    const found = edge.exec(text)
    if (found === null) return undefined
    depth += found[0] === '/*' ? 1 : -1
    if (depth === 0) return edge.lastIndex
  }
}
