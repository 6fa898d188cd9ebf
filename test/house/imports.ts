import { type Token, tokensOf } from './tokens.ts'

export interface Import {
  readonly specifier: string
  readonly line: number
}

/** Every module that a source names: imports, re-exports, `import()` of a string, type imports included. */
export function importsOf (source: string): readonly Import[] {
  const tokens = tokensOf(source)
  return tokens.flatMap((token, at) => {
    if (token.kind !== 'word' || isMember(tokens[at - 1])) return []
    const found = token.text === 'import' ?
      imported(tokens, at + 1) :
      token.text === 'export' ?
      exportedFrom(tokens, at + 1) :
      undefined
    return found === undefined ? [] : [{ specifier: found.text, line: found.line }]
  })
}

/** Whether a source only passes on names of other modules: a folder's face may do no more. */
export function isNamesOnly (source: string): boolean {
  const tokens = tokensOf(source)
  let at = 0
  while (at < tokens.length) {
    if (tokens[at]?.text !== 'export' || exportedFrom(tokens, at + 1) === undefined) return false
    while (tokens[at]?.kind !== 'string') at += 1
    at += 1
  }
  return true
}

function imported (tokens: readonly Token[], from: number): Token | undefined {
  const first = tokens[from]
  if (first?.kind === 'string') return first
  if (first?.text === '.') return undefined // import.meta
  if (first?.text === '(') return tokens[from + 1]?.kind === 'string' ? tokens[from + 1] : undefined
  return specifierAfterFrom(tokens, from)
}

function exportedFrom (tokens: readonly Token[], from: number): Token | undefined {
  const list = tokens[from]?.text === 'type' ? from + 1 : from
  if (tokens[list]?.text === '*') return specifierAfterFrom(tokens, list)
  if (tokens[list]?.text !== '{') return undefined
  const end = tokens.findIndex((token, at) => at > list && token.text === '}')
  return tokens[end + 1]?.text === 'from' ? tokens[end + 2] : undefined
}

function specifierAfterFrom (tokens: readonly Token[], start: number): Token | undefined {
  const from = tokens.findIndex((token, at) =>
    at >= start && token.text === 'from' && tokens[at + 1]?.kind === 'string'
  )
  return from < 0 ? undefined : tokens[from + 1]
}

function isMember (before: Token | undefined): boolean {
  return before?.kind === 'mark' && before.text === '.'
}
