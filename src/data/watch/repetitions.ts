import { type CallSite, placeOf } from './call-site.ts'
import type { FindingKind } from './finding.ts'
import type { StatementShape } from './fingerprint.ts'
import { isBatch, parameterKey } from './parameters.ts'

/** A statement of a unit, from one place. */
export interface Repetition {
  readonly statement: string
  readonly count: number
  readonly site: CallSite | undefined
}

interface Group {
  count: number
  /** How often the parameters were those of an earlier one. */
  same: number
  readonly distinct: Set<string>
  readonly statement: string
  readonly site: CallSite | undefined
  /** What it was found to be; an N+1 may have been a duplicate before. */
  found: FindingKind | undefined
}

/** A unit that sends more different statements than this is watched no further, in groups. */
const groupLimit = 1_000

/**
 * Counts what one unit of work repeats: a statement from one place with more than `threshold` different parameters is
 * an N+1, one that came more than `threshold` times with parameters seen before is a duplicate. A statement that asks
 * for several rows at once, by a list, is neither: it is the cure.
 */
export class Repetitions {
  readonly #threshold: number
  readonly #groups: Map<string, Group> = new Map()

  constructor (threshold: number) {
    this.#threshold = threshold
  }

  /**
   * Counts one statement.
   *
   * @param text what was sent, where values may be written into it
   * @param site where it came from; `undefined` counts statements from everywhere together
   * @returns what the statement has become with this one; `undefined` for nothing new
   */
  add (
    text: string,
    shape: StatementShape,
    values: readonly unknown[] | undefined,
    site?: CallSite
  ): (Repetition & { readonly kind: FindingKind }) | undefined {
    if (!shape.isQuery || shape.isBatch || isBatch(values)) return undefined
    const group = this.#groupOf(shape.fingerprint, site)
    if (group === undefined) return undefined
    group.count++
    if (group.found === 'n+1') return undefined
    // Values written into the text are parameters too.
    const key = `${text}\u0002${parameterKey(values)}`
    if (group.distinct.has(key)) group.same++
    else group.distinct.add(key)
    const kind = this.#kindOf(group)
    if (kind === undefined || kind === group.found) return undefined
    group.found = kind
    return { ...group, kind }
  }

  /** All that was found, with the counts of now. */
  found (): readonly (Repetition & { readonly kind: FindingKind })[] {
    return [...this.#groups.values()].flatMap((group) =>
      group.found === undefined ? [] : [{ ...group, kind: group.found }]
    )
  }

  #groupOf (fingerprint: string, site: CallSite | undefined): Group | undefined {
    const key = site === undefined ? fingerprint : `${placeOf(site)}:${site.column} ${fingerprint}`
    const known = this.#groups.get(key)
    if (known !== undefined || this.#groups.size >= groupLimit) return known
    const group: Group = {
      count: 0,
      same: 0,
      distinct: new Set(),
      statement: fingerprint,
      site,
      found: undefined,
    }
    this.#groups.set(key, group)
    return group
  }

  #kindOf ({ distinct, same }: Group): FindingKind | undefined {
    if (distinct.size > this.#threshold) return 'n+1'
    return same > this.#threshold ? 'duplicate' : undefined
  }
}
