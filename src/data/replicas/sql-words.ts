/**
 * The words and signs of a text of SQL, in lower case, without comments and literals; a quoted name stands for itself
 * in its quotes. Enough to tell what a statement cannot be, and not a parser.
 *
 * @returns words, signs `( ) ; . ,`; whatever else there is is left out. `undefined` when a comment or a literal does
 *   not end
 * @see https://www.postgresql.org/docs/18/sql-syntax-lexical.html
 */
export function sqlWords (text: string): readonly string[] | undefined {
  const words: string[] = []
  let at = 0
  while (at < text.length) {
    const skipped = afterSkipped(text, at)
    if (skipped === undefined) return undefined
    if (skipped > at) {
      at = skipped
      continue
    }
    word.lastIndex = at
    const found = word.exec(text)?.[0]
    if (found !== undefined) words.push(found[0] === '"' ? found : found.toLowerCase())
    at += found?.length ?? 1
  }
  return words
}

/** A name, a number (with the letters that follow it), a quoted name, or a sign. */
const word = /[\p{L}_][\p{L}\p{N}_$]*|\p{N}[\p{L}\p{N}_.]*|"(?:[^"]|"")*"|[();.,]/uy

/** @returns where what begins at `at` ends, if it is a comment or a literal; `at` if it is not */
function afterSkipped (text: string, at: number): number | undefined {
  const sign = text[at]
  if (sign === '-' && text[at + 1] === '-') return afterLine(text, at)
  if (sign === '/' && text[at + 1] === '*') return afterComment(text, at)
  if (sign === `'`) return after(plainLiteral, text, at)
  if (sign === '$') return afterDollars(text, at)
  if ((sign === 'e' || sign === 'E') && text[at + 1] === `'` && !inWord(text, at)) {
    return after(escapedLiteral, text, at)
  }
  return at
}

const plainLiteral = /'(?:[^']|'')*'/y
const escapedLiteral = /[eE]'(?:[^'\\]|\\[^]|'')*'/y
const dollarTag = /\$(?:[\p{L}_][\p{L}\p{N}_]*)?\$/uy

function after (pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : undefined
}

function inWord (text: string, at: number): boolean {
  return at > 0 && /[\p{L}\p{N}_$]/u.test(text[at - 1]!)
}

function afterLine (text: string, at: number): number {
  const end = /[\r\n]/g
  end.lastIndex = at
  return end.exec(text)?.index ?? text.length
}

/** They nest. */
function afterComment (text: string, at: number): number | undefined {
  const edge = /\/\*|\*\//g
  edge.lastIndex = at
  for (let depth = 0;;) {
    const found = edge.exec(text)
    if (found === null) return undefined
    depth += found[0] === '/*' ? 1 : -1
    if (depth === 0) return edge.lastIndex
  }
}

/** `$1` is a parameter, and no literal begins inside a name. */
function afterDollars (text: string, at: number): number | undefined {
  const begun = after(dollarTag, text, at)
  if (begun === undefined || inWord(text, at)) return at
  const end = text.indexOf(text.slice(at, begun), begun)
  return end === -1 ? undefined : end + begun - at
}
