import { type CallSite, placeOf } from './call-site.ts'

/**
 * `n+1`: one statement from one place, again and again with other parameters, where one statement could ask for all.
 * `duplicate`: the same again with equal parameters.
 */
export type FindingKind = 'n+1' | 'duplicate'

/** A statement that a unit of work repeats. */
export interface Finding {
  readonly kind: FindingKind
  /** Without literals; see StatementShape. */
  readonly statement: string
  /** `undefined` when no line of the user's code was left on the stack. */
  readonly site: CallSite | undefined
  /** How often it was sent so far, with whatever parameters. */
  readonly count: number
  /** The id of the unit's context; `undefined` for work without one. */
  readonly unit: string | undefined
  /** What to do, in one sentence. */
  readonly cure: string
  /** All of it, in words. */
  readonly message: string
}

/** Makes a finding and says it in words. */
export function findingOf (found: Omit<Finding, 'cure' | 'message'>): Finding {
  const { kind, statement, site, count, unit } = found
  const cure = kind === 'n+1' ? cureOfMany(statement) : cureOfSame
  const callers = site === undefined || site.callers.length === 0 ?
    '' :
    `, called from ${site.callers.join(', ')}`
  const what = kind === 'n+1' ?
    `N+1: ${placeOf(site)} sent one statement ${count} times with different parameters` :
    `duplicate: ${placeOf(site)} sent one statement with equal parameters, ${count} times in all`
  const where = unit === undefined ? '' : ` (request ${unit})`
  return { ...found, cure, message: `${what}${where}: ${statement}${callers}. ${cure}` }
}

const cureOfSame =
  'Ask once and pass the result on, or ask through a loader, which remembers it for the unit.'
const equality = /\bwhere (?:\(? ?)?((?:"[^"]+"|[\w.])+(?:\."[^"]+")?) ?= ?(?:\$1|\?) ?\)?(?= |$)/i

function cureOfMany (statement: string): string {
  if (/^insert\b/i.test(statement)) {
    return 'Insert all rows with one statement: insert into ... select * from unnest($1::..., $2::...).'
  }
  if (/^(?:update|delete)\b/i.test(statement)) {
    return 'Change all rows with one statement: where ... = any($1), or from unnest($1::..., $2::...).'
  }
  const column = equality.exec(statement)?.[1]
  const condition = column === undefined ? '... = any($1)' : `${column} = any($1)`
  return `Load all rows with one statement: where ${condition}, or through a batching loader.`
}
