import { type PlanDrift, type PlanReview, planText } from '../../data/plans/index.ts'
import { type Finding, placeOf, type RecordedStatement } from '../../data/watch/index.ts'
import type { Paint } from '../paint.ts'
import type { AskedRequest } from './ask-service.ts'

/** All that `plimsoll plans` found. */
export interface PlansReport {
  readonly requests: readonly AskedRequest[]
  readonly skipped: readonly string[]
  readonly repeated: readonly Finding[]
  readonly review: PlanReview
  /** Against the file; `undefined` when none was compared. */
  readonly drift: readonly PlanDrift[] | undefined
}

/** A statement over all requests. */
interface Seen {
  readonly statement: string
  readonly count: number
  readonly milliseconds: number
  readonly rows: number
  readonly place: string | undefined
  readonly urls: readonly string[]
}

/** For machines. */
export function reportAsData ({ requests, skipped, repeated, review, drift }: PlansReport): object {
  const seen = seenIn(requests)
  return {
    requests: requests.map(({ url, status, statements }) => ({ url, status, statements: statements.length })),
    skipped,
    statements: Object.entries(review.plans).map(([statement, plan]) => ({
      ...seen.get(statement) ?? { statement },
      plan,
    })),
    findings: review.findings,
    repeated: repeated.map(({ kind, statement, site, count, cure }) => ({
      kind,
      statement,
      place: placeOf(site),
      count,
      cure,
    })),
    unplanned: review.unplanned,
    ...(drift === undefined ? {} : { drift }),
  }
}

/** For people. */
export function reportAsText (report: PlansReport, paint: Paint, verbose: boolean): string {
  const { requests, skipped, repeated, review, drift } = report
  const seen = seenIn(requests)
  const lines: string[] = []
  for (const { url, status, statements } of requests) {
    const accent = status < 400 ? 'green' : 'yellow'
    lines.push(`${paint(accent, String(status))} GET ${url}  ${amount(statements.length, 'statement')}`)
  }
  for (const route of skipped) {
    lines.push(
      `${paint('yellow', 'skipped')} GET ${route}: its schema has no example; name one with --routes`
    )
  }
  lines.push('', paint('bold', amount(Object.keys(review.plans).length, 'plan')))
  for (const [statement, plan] of Object.entries(review.plans)) {
    lines.push(statementLine(statement, seen.get(statement)))
    if (verbose) lines.push(...planText(plan).map((line) => `      ${line}`))
  }
  for (const { statement, reason } of review.unplanned) {
    lines.push(`  ${statement}`, paint('yellow', `      no plan: ${reason}`))
  }
  for (const { kind, statement, evidence, advice } of review.findings) {
    lines.push('', `${paint('yellow', kind)}  ${statementLine(statement, seen.get(statement)).trim()}`)
    lines.push(`  ${evidence}`, `  ${paint('bold', advice)}`)
  }
  for (const { kind, message } of repeated) lines.push('', `${paint('yellow', kind)}  ${message}`)
  if (review.findings.length + repeated.length === 0) lines.push('', paint('green', 'Nothing to advise.'))
  return `${[...lines, ...driftLines(drift, paint)].join('\n')}\n`
}

function driftLines (drift: readonly PlanDrift[] | undefined, paint: Paint): readonly string[] {
  if (drift === undefined) return []
  if (drift.length === 0) return ['', paint('green', 'Every plan decides as in the file.')]
  return drift.flatMap(({ kind, statement, changes }) => [
    '',
    `${paint(kind === 'gone' ? 'yellow' : 'red', kind)}  ${statement}`,
    ...changes.map((change) => `  ${change}`),
  ])
}

function statementLine (statement: string, seen: Seen | undefined): string {
  if (seen === undefined) return `  ${statement}`
  const { count, milliseconds, place } = seen
  return `  ${count} x ${milliseconds.toFixed(1)} ms  ${place}  ${statement}`
}

function seenIn (requests: readonly AskedRequest[]): ReadonlyMap<string, Seen> {
  const sent = requests.flatMap(({ url, statements }) => statements.map((statement) => ({ url, statement })))
  const groups = Map.groupBy(sent, ({ statement }) => statement.fingerprint)
  return new Map([...groups].map(([statement, group]) => [statement, {
    statement,
    count: group.length,
    milliseconds: mean(group.map(({ statement }) => millisecondsOf(statement))),
    rows: group.reduce((sum, { statement }) => sum + (statement.outcome?.rowCount ?? 0), 0),
    place: placeOf(group[0]?.statement.site),
    urls: [...new Set(group.map(({ url }) => url))],
  }]))
}

function millisecondsOf ({ outcome }: RecordedStatement): number {
  return (outcome?.seconds ?? 0) * 1_000
}

function mean (values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function amount (count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
