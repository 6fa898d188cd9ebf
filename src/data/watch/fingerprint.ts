import { sqlTokens } from '../sql/index.ts'

/** What a statement's text says of it, whatever its parameters. */
export interface StatementShape {
  /**
   * The text without comments and literals, lists of any length as one: `select * from t where id in (...) and x = ?`.
   * Parameters are numbered in the order of their places.
   */
  readonly fingerprint: string
  /** It reads or writes rows; `false` for what controls the session, such as BEGIN and SET. */
  readonly isQuery: boolean
  /** It asks for several rows at once, by a list of values. */
  readonly isBatch: boolean
}

const item = String.raw`-?(?:\?|\$\d+)(?:::[\w[\]]+)?`
const list = new RegExp(String.raw`\bin ?\( ?(${item}(?: ?, ?${item})*) ?\)`, 'gi')
/** In parentheses, with calls such as `now()` in it. */
const row = String.raw`\((?:[^()]|\([^()]*\))*\)`
const rows = new RegExp(String.raw`\bvalues ?${row}((?: ?, ?${row})*)`, 'gi')
const queries = /^\(*\s*(?:select|with|values|table|insert|update|delete|merge)\b/i

/** Reads the shape of a statement. It checks nothing: what is no SQL has a shape too. */
export function shapeOf (text: string): StatementShape {
  let isBatch = false
  const plain = withoutLiterals(text)
  const folded = plain
    .replaceAll(list, (_, items: string) => {
      if (items.includes(',')) isBatch = true
      return 'in (...)'
    })
    .replaceAll(rows, (_, further: string) => {
      if (further !== '') isBatch = true
      return 'values (...)'
    })
  return { fingerprint: renumbered(folded), isQuery: queries.test(plain), isBatch }
}

/** The text on one line, without comments, each literal as `?`. */
export function withoutLiterals (text: string): string {
  let plain = ''
  for (const { kind, start, end } of sqlTokens(text)) {
    if (kind === 'literal' || kind === 'number') plain += '?'
    else if (kind !== 'space' && kind !== 'comment') plain += text.slice(start, end)
    else if (!plain.endsWith(' ')) plain += ' '
  }
  return plain.trim()
}

/** A list that is longer shifts the numbers after it, which says nothing of the statement. */
function renumbered (text: string): string {
  const numbers = new Map<string, number>()
  return text.replaceAll(/"(?:[^"]|"")*"|\$\d+/g, (found) => {
    if (found.startsWith('"')) return found
    const number = numbers.get(found) ?? numbers.size + 1
    numbers.set(found, number)
    return `$${number}`
  })
}

/** Shapes of texts by text, kept for those that come again; at most `limit`. */
export class ShapeCache {
  readonly #limit: number
  readonly #shapes: Map<string, StatementShape> = new Map()

  constructor (limit = 1_000) {
    this.#limit = limit
  }

  of (text: string): StatementShape {
    const known = this.#shapes.get(text)
    if (known !== undefined) return known
    const shape = shapeOf(text)
    // Texts that never come again, as those with values written into them, must not pile up.
    if (this.#shapes.size >= this.#limit) this.#shapes.clear()
    this.#shapes.set(text, shape)
    return shape
  }
}
