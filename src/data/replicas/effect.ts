import { readOnlyFunctions } from './read-only-functions.ts'
import { sqlWords } from './sql-words.ts'

/**
 * What a statement does to data, seen from its text alone:
 * - `reads`: it changes nothing that another statement could read.
 * - `locks`: nor does this, but only a primary runs it.
 * - `may-write`: anything else, a function that is not known to only read included.
 * - `commits`: it makes earlier writes of its transaction visible.
 */
export type Effect = 'reads' | 'locks' | 'may-write' | 'commits'

/** Texts whose effect is kept. A service has some hundred; one that writes values into its texts, without end. */
const mostKept = 2_000

/** Longer texts, in UTF-16 units, are not looked at: they are mostly values, and most of those write. */
const longestText = 16_384

const kept = new Map<string, Effect>()

/** As {@link effectOf}, which is told once for each text of a service. */
export function keptEffectOf (text: string): Effect {
  if (text.length > longestText) return 'may-write'
  const known = kept.get(text)
  if (known !== undefined) return known
  const effect = effectOf(text)
  if (kept.size >= mostKept) kept.clear()
  kept.set(text, effect)
  return effect
}

/**
 * In doubt a statement may write. What no text shows is left: a view, a rule, an operator or a policy that calls a
 * function which writes.
 */
export function effectOf (text: string): Effect {
  const words = sqlWords(text)
  if (words === undefined) return 'may-write'
  let effect: Effect = 'reads'
  for (const statement of statementsOf(words)) {
    const one = effectOfOne(statement)
    if (one === 'may-write') return one
    if (one === 'commits' || effect === 'reads') effect = one
  }
  return effect
}

function* statementsOf (words: readonly string[]): Generator<readonly string[]> {
  for (let start = 0; start < words.length;) {
    const end = words.indexOf(';', start)
    const stop = end === -1 ? words.length : end
    if (stop > start) yield words.slice(start, stop)
    start = stop + 1
  }
}

function effectOfOne (words: readonly string[]): Effect {
  const [first = '', second] = words
  if (queries.has(first) || first === '(') return effectOfQuery(words)
  if (first === 'explain') {
    return words.some((word) => word === 'analyze' || word === 'analyse') ?
      effectOfOne(words.slice(words.findIndex((word, at) => at > 0 && queries.has(word)))) :
      'reads'
  }
  if (first === 'declare') return effectOfQuery(words)
  if (first === 'commit' || first === 'end') return second === 'prepared' ? 'may-write' : 'commits'
  if (first === 'rollback' || first === 'abort') return second === 'prepared' ? 'may-write' : 'reads'
  return harmless.has(first) ? 'reads' : 'may-write'
}

const queries: ReadonlySet<string> = new Set(['select', 'with', 'values', 'table'])

/** They change the session or the transaction, and no data. */
const harmless: ReadonlySet<string> = new Set(
  ('begin start savepoint release set reset show discard deallocate listen unlisten fetch move close').split(
    ' '
  )
)

function effectOfQuery (words: readonly string[]): Effect {
  let effect: Effect = 'reads'
  for (const [at, word] of words.entries()) {
    if (isLock(words, at)) effect = 'locks'
    else if (changing.has(word)) return 'may-write'
    if (word === '(' && mayCallWriter(words, at)) return 'may-write'
  }
  return effect
}

/** As words of a query: of a statement within it, or `SELECT ... INTO`. Names like these must be quoted here. */
const changing: ReadonlySet<string> = new Set(['insert', 'update', 'delete', 'merge', 'into'])

/** `FOR UPDATE`, `FOR NO KEY UPDATE`, `FOR SHARE`, `FOR KEY SHARE`. */
function isLock (words: readonly string[], at: number): boolean {
  if (words[at] !== 'update' && words[at] !== 'share') return false
  const before = words[at - 1] === 'key' ? words[at - 2] : words[at - 1]
  return before === 'for' || before === 'no' && words[at - 3] === 'for'
}

/** Whether what stands before the parenthesis at `at` is the name of a function that is not known to only read. */
function mayCallWriter (words: readonly string[], at: number): boolean {
  const name = words[at - 1]
  if (name === undefined || !/^[\p{L}_"]/u.test(name)) return false
  const before = words[at - 2]
  if (before === '.') return words[at - 3] !== 'pg_catalog' || !readOnlyFunctions.has(name)
  // `AS name (columns)`, as of a function in FROM.
  if (before === 'as') return false
  if (afterCall.has(name)) return before !== ')'
  return !notCalled.has(name) && !readOnlyFunctions.has(name)
}

/** Words that follow a call; elsewhere they may be names of functions. */
const afterCall: ReadonlySet<string> = new Set(['filter', 'over'])

/** Words that stand before a parenthesis and call nothing. */
const notCalled: ReadonlySet<string> = new Set(
  (
    'all and any array as asc between by case cast cross cube desc distinct else end except exists for from full group ' +
    'having ilike in inner intersect interval is join lateral left like limit materialized natural not null offset ' +
    'on only or order outer recursive right rollup row rows select sets similar some symmetric table tablesample then ' +
    'to union using values when where window with bit char character decimal dec float numeric time timestamp ' +
    'timestamptz varbit varchar varying'
  ).split(' ')
)
