/** A piece of TypeScript source. Comments are gone; what strings and templates hold is kept apart from code. */
export interface Token {
  readonly kind: 'word' | 'string' | 'template' | 'regex' | 'mark'
  /** The word or mark itself; for a string its content, without quotes and with escapes as written. */
  readonly text: string
  /** Counted from 1. */
  readonly line: number
}

const word = /[\p{ID_Start}$_#\d][\p{ID_Continue}$\u200c\u200d]*/uy
const space = /\s+/y
const comment = /\/\/.*|\/\*[^]*?\*\//y
const string = /'((?:[^'\\\n]|\\[^])*)'|"((?:[^"\\\n]|\\[^])*)"/y
const regex = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y
const templatePart = /(?:[^`\\$]|\\[^]|\$(?!\{))*/y

/** Words after which a slash starts a regular expression, where after other words it divides. */
const wordsBeforeRegex = new Set(['return', 'typeof', 'case', 'in', 'of', 'delete', 'void', 'throw', 'else'])

/**
 * Cuts TypeScript source into tokens: as much of the language as finding imports and calls needs.
 *
 * The one guess is whether a slash divides or starts a regular expression; it goes by the token before
 * it, and is wrong only for a regular expression right after a closing parenthesis or brace.
 */
export function tokensOf (source: string): readonly Token[] {
  const tokens: Token[] = []
  let at = source.startsWith('#!') ? source.indexOf('\n') : 0
  let line = 1
  /** Open braces, each with whether its closing one resumes a template. */
  const braces: boolean[] = []

  while (at < source.length) {
    if (eat(space) !== undefined || eat(comment) !== undefined) continue
    const startLine = line
    const text = eat(string)
    if (text !== undefined) push('string', text.slice(1, -1), startLine)
    else if (source[at] === '`') template()
    else if (source[at] === '}' && braces.pop() === true) template()
    else if (source[at] === '/' && regexMayStart(tokens.at(-1))) other('regex', eat(regex), startLine)
    else other('word', eat(word), startLine)
  }
  return tokens

  function eat (pattern: RegExp): string | undefined {
    pattern.lastIndex = at
    const found = pattern.exec(source)?.[0]
    if (found === undefined || found === '') return undefined
    at += found.length
    line += found.split('\n').length - 1
    return found
  }

  function template (): void {
    const startLine = line
    at += 1
    push('template', eat(templatePart) ?? '', startLine)
    if (source[at] === '`') at += 1
    else {
      at += 2 // ${
      braces.push(true)
    }
  }

  function other (kind: Token['kind'], found: string | undefined, startLine: number): void {
    if (found !== undefined) return push(kind, found, startLine)
    const mark = source[at] ?? ''
    if (mark === '{') braces.push(false)
    push('mark', mark, startLine)
    at += 1
  }

  function push (kind: Token['kind'], text: string, startLine: number): void {
    tokens.push({ kind, text, line: startLine })
  }
}

function regexMayStart (before: Token | undefined): boolean {
  if (before === undefined) return true
  if (before.kind === 'word') return wordsBeforeRegex.has(before.text)
  return before.kind === 'mark' && !')]}'.includes(before.text)
}
