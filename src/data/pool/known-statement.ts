import { createHash } from 'node:crypto'

/** `commit` ends in a known outcome or in none: it is never given up. `rollback` is never refused. */
export type StatementEnding = 'commit' | 'rollback'

/** A text whose recent executions stayed below this may share a connection with others, in milliseconds. */
const fastMs = 100

/**
 * Up to here a slow execution may be one of a busy machine, which is forgotten within 50 executions or so; what took
 * longer is slow by itself, and is forgotten 15 times as slowly. In milliseconds.
 */
const stallMs = 500
const forgettingStalls = 0.97
const forgetting = 0.998

/** What a pool knows of one text of SQL, whichever connection runs it. */
export class KnownStatement {
  readonly text: string
  readonly ending: StatementEnding | undefined
  /** One statement that reads or writes rows: what `pg` may be asked to prepare without a change of meaning. */
  readonly preparable: boolean
  /** Only reads, as far as its text tells, and waits for no row lock: a function that it calls may do otherwise. */
  readonly isRead: boolean
  /** Takes all prepared statements from its session. */
  readonly deallocates: boolean
  /** Takes the settings of its session back to their defaults. */
  readonly resets: boolean
  /** How often it was run, in this pool. */
  uses = 0
  /** Counts the times that what was prepared under its name has turned out to be of no use any more. */
  generation = 0
  #slowMs = 0
  #name: string | undefined

  constructor (text: string) {
    this.text = text
    this.ending = endingOf(text)
    const verb = firstWord.exec(text)?.[1]?.toLowerCase() ?? ''
    this.preparable = rowVerbs.has(verb) && !several.test(text)
    this.isRead = this.preparable && readVerbs.has(verb) && !notOnlyReading.test(text)
    this.deallocates = deallocating.test(text)
    this.resets = resetting.test(text)
  }

  /** The same in each process, so that `pg_prepared_statements` and the server's log can be compared. */
  get name (): string {
    return this.#name ??= `plimsoll_${createHash('sha256').update(this.text).digest('hex').slice(0, 24)}`
  }

  /** An execution took so long, in milliseconds. */
  took (ms: number): void {
    this.#slowMs = Math.max(ms, this.#slowMs * (this.#slowMs > stallMs ? forgetting : forgettingStalls))
  }

  get isFast (): boolean {
    return this.#slowMs < fastMs
  }
}

const endings = /^\s*(?:(commit|end)|rollback|abort)\b/i

function endingOf (text: string): StatementEnding | undefined {
  const found = endings.exec(text)
  if (found === null) return undefined
  return found[1] === undefined ? 'rollback' : 'commit'
}

/** Behind comments and parentheses. */
const firstWord = /^(?:\s|\(|--[^\n]*\n|\/\*[^*]*\*+(?:[^/*][^*]*\*+)*\/)*([a-z]+)/i
const rowVerbs: ReadonlySet<string> = new Set([
  'select',
  'with',
  'values',
  'table',
  'insert',
  'update',
  'delete',
  'merge',
])
const readVerbs: ReadonlySet<string> = new Set(['select', 'with', 'values', 'table'])

/** A semicolon that is not the last character; one inside of a literal counts, too: it costs only a plan. */
const several = /;\s*\S/

/** Words that a text that only reads and never waits has no need of; one in a literal counts, too. */
const notOnlyReading =
  /\b(?:insert|update|delete|merge|into|share|nextval|setval|set_config|pg_notify|pg_sleep\w*|pg_(?:try_)?advisory\w*|dblink\w*|lo_\w+)\b/i

const deallocating = /^\s*(?:discard|deallocate(?:\s+prepare)?)\s+all\b/i
const resetting = /^\s*(?:discard|reset)\s+all\b/i

/** Texts longer than this are not kept, in characters. */
const longestText = 20_000

/** What is known of the texts that a pool has run lately. */
export class StatementCatalogue {
  readonly #limit: number
  #young: Map<string, KnownStatement> = new Map()
  #old: Map<string, KnownStatement> = new Map()

  /** @param limit texts kept for sure; up to twice as many are */
  constructor (limit = 1_000) {
    this.#limit = limit
  }

  /** Counts a use. */
  use (text: string): KnownStatement {
    let known = this.#young.get(text)
    if (known === undefined) {
      known = this.#old.get(text) ?? new KnownStatement(text)
      if (text.length <= longestText) this.#keep(known)
    }
    known.uses++
    return known
  }

  #keep (known: KnownStatement): void {
    // Two generations instead of an order: what was used since the last change of generation survives the next.
    if (this.#young.size >= this.#limit) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(known.text, known)
  }
}
