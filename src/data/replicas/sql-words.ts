import { sqlTokens } from '../sql/index.ts'

/**
 * The words and signs of a text of SQL, in lower case, without comments and literals; a quoted name stands for itself
 * in its quotes. Enough to tell what a statement cannot be, and not a parser.
 *
 * @returns words, signs `( ) ; . ,`; whatever else there is is left out. `undefined` when a comment, a literal or a
 *   quoted name does not end
 */
export function sqlWords (text: string): readonly string[] | undefined {
  const words: string[] = []
  for (const { kind, start, end, closed } of sqlTokens(text)) {
    if (!closed) return undefined
    const piece = text.slice(start, end)
    if (kind === 'quoted-name' || (kind === 'sign' && signs.has(piece))) words.push(piece)
    else if (kind === 'word' || kind === 'number') words.push(piece.toLowerCase())
  }
  return words
}

const signs: ReadonlySet<string> = new Set(['(', ')', ';', '.', ','])
