/** A column as a plan names it. */
export interface PlanColumn {
  /** The alias of its table. */
  readonly alias: string
  readonly name: string
}

/** One of the conditions that are joined by AND. */
export interface Term {
  readonly text: string
  /**
   * `equality`: with one value, a list or NULL; `range`: a comparison or the beginning of a text; `other`: none that a
   * B-tree index serves.
   */
  readonly kind: 'equality' | 'range' | 'other'
  /** What is compared; `undefined` for an expression that is no column. */
  readonly column: PlanColumn | undefined
  /** The type that the column is turned into before it is compared. */
  readonly cast: string | undefined
  /** The column it is compared with, in a join. */
  readonly with: PlanColumn | undefined
}

const name = String.raw`(?:"(?:[^"]|"")+"|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)`
const column = String.raw`(${name})\.(${name})`
const left = String.raw`(?:\(${column}\)::(${name}[^=<>~!]*?)|${column})`
const comparison = new RegExp(String.raw`^${left} (=|<=?|>=?) (.+)$`, 's')
const nullTest = new RegExp(String.raw`^${column} IS NULL$`)
const onlyColumn = new RegExp(String.raw`^(?:NOT )?${column}$`)
const wholeColumn = new RegExp(String.raw`^\(?${column}\)?$`)
const reversed = new RegExp(String.raw`^(\$\d+|'[^']*'(?:::[\w ]+)?|\d+) (=|<=?|>=?) ${column}$`)

/** Takes a condition of a plan apart. @param text as EXPLAIN (VERBOSE) writes it; `undefined` for none */
export function termsOf (text: string | undefined): readonly Term[] {
  return text === undefined ? [] : splitAnd(text).map(termOf)
}

/** The column that a sort key of a plan is, and its direction; `undefined` for an expression. */
export function sortColumnOf (key: string): (PlanColumn & { readonly direction: string }) | undefined {
  const [, expression = '', direction = ''] =
    /^(.*?)((?: USING \S+)?(?: DESC)?(?: NULLS (?:FIRST|LAST))?)$/s.exec(key) ?? []
  const found = wholeColumn.exec(expression)
  return found === null ? undefined : { ...columnOf(found[1], found[2]), direction: direction.trim() }
}

function termOf (text: string): Term {
  const kept = { text, cast: undefined, with: undefined }
  const compared = comparison.exec(text)
  if (compared !== null) {
    const [, castAlias, castName, cast, alias, plain, operator, right = ''] = compared
    const other = wholeColumn.exec(right)
    return {
      text,
      kind: operator === '=' ? 'equality' : 'range',
      column: columnOf(alias ?? castAlias, plain ?? castName),
      cast: cast?.trim(),
      with: other === null ? undefined : columnOf(other[1], other[2]),
    }
  }
  const turned = reversed.exec(text)
  if (turned !== null) {
    const kind = turned[2] === '=' ? 'equality' : 'range'
    return { ...kept, kind, column: columnOf(turned[3], turned[4]) }
  }
  const same = nullTest.exec(text) ?? onlyColumn.exec(text)
  if (same !== null) return { ...kept, kind: 'equality', column: columnOf(same[1], same[2]) }
  return { ...kept, kind: 'other', column: undefined }
}

function columnOf (alias = '', column = ''): PlanColumn {
  return { alias: unquoted(alias), name: unquoted(column) }
}

function unquoted (text: string): string {
  return text.startsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text
}

/** Splits at each AND that stands in no parentheses but the outermost, nor in a text. */
function splitAnd (text: string): readonly string[] {
  const inner = withoutOuterParentheses(text)
  const parts: string[] = []
  let start = 0
  for (const { index, depth, token } of walk(inner)) {
    if (depth > 0 || token !== ' AND ') continue
    parts.push(inner.slice(start, index))
    start = index + token.length
  }
  return [...parts, inner.slice(start)].map(withoutOuterParentheses)
}

function withoutOuterParentheses (text: string): string {
  if (!text.startsWith('(')) return text
  for (const { index, depth, token } of walk(text)) {
    if (token === ')' && depth === 0) {
      return index === text.length - 1 ? withoutOuterParentheses(text.slice(1, -1)) : text
    }
  }
  return text
}

interface Step {
  readonly index: number
  /** How many parentheses are open after it. */
  readonly depth: number
  readonly token: string
}

function* walk (text: string): Generator<Step> {
  let depth = 0
  for (const { 0: token, index } of text.matchAll(/'(?:[^']|'')*'|"(?:[^"]|"")*"|\(|\)| AND /g)) {
    if (token === '(') depth++
    if (token === ')') depth--
    yield { index, depth, token }
  }
}
