import type { Pool } from 'pg'
import { SettingError } from '../../kernel/index.ts'
import { shapeOf } from '../watch/index.ts'
import { type Term, termsOf } from './conditions.ts'
import { type Decision, decisionsOf } from './decisions.ts'
import { PlansUnavailableError } from './errors.ts'
import { count, findGaps, isChanged, named, type Unindexable } from './index-gaps.ts'
import { createIndexText, type IndexProof, proveIndex } from './index-proof.ts'
import type { Plans } from './plan-file.ts'
import { isInput, nodesOf, type PlanNode } from './plan-node.ts'
import { type PlanningSession, withPlanningSession } from './planning-session.ts'
import { type PlantedTables, plantOn } from './planted-statistics.ts'
import { readTableFacts, type TableFacts } from './table-facts.ts'

/**
 * `missing-index`: an index would spare most of the work. `whole-table`: much is read for little, by conditions that no
 * plain index serves. `cast`: a conversion of a column keeps its index from being used. `offset`: pages that are counted
 * from the start. `unbounded`: nothing limits how many rows come.
 */
export type PlanFindingKind = 'missing-index' | 'whole-table' | 'cast' | 'offset' | 'unbounded'

export interface PlanFinding {
  readonly kind: PlanFindingKind
  /** See StatementShape. */
  readonly statement: string
  /** What was seen. */
  readonly evidence: string
  /** What to do. */
  readonly advice: string
  /** The statement that makes the index. */
  readonly index?: string
  /** What the index was shown to do; without it the advice rests on the plan and the statistics. */
  readonly proof?: IndexProof
}

/** What a review found. */
export interface PlanReview {
  readonly plans: Plans
  readonly findings: readonly PlanFinding[]
  /** Statements without a plan, with the reason. */
  readonly unplanned: readonly { readonly statement: string; readonly reason: string }[]
}

export interface ReviewOptions {
  /** Tables of fewer rows are left alone. @default 10,000 */
  readonly largeRows?: number
  /** Estimated rows from which a result without LIMIT is told. @default 1,000 */
  readonly unboundedRows?: number
  /** Table sizes to plan for, in place of the database's own; gone when the review ends. @default none */
  readonly assume?: PlantedTables
  /**
   * Where HypoPG is not there, advice is tried with a real index in a transaction that is rolled back; writers of the
   * table wait meanwhile. @default false
   */
  readonly prove?: boolean
  /** Larger tables get no real index, in rows. @default 1,000,000 */
  readonly proveRows?: number
}

/**
 * Asks PostgreSQL for the generic plan of each statement, reduces it to its decisions, and says what could be better. It
 * runs none of the statements.
 *
 * @param statements their texts; those with one fingerprint are planned once
 * @throws PlansUnavailableError for PostgreSQL before 16, or for what it cannot assume; SettingError for options out of range
 */
export async function reviewStatements (
  pool: Pool,
  statements: readonly string[],
  options: ReviewOptions = {}
): Promise<PlanReview> {
  const { largeRows = 10_000, unboundedRows = 1_000, assume, prove = false, proveRows = 1_000_000 } = options
  if (!(largeRows >= 1)) throw new SettingError('largeRows', 'at least 1', largeRows)
  if (!(unboundedRows >= 1)) throw new SettingError('unboundedRows', 'at least 1', unboundedRows)
  const plans: Record<string, readonly Decision[]> = {}
  const findings: PlanFinding[] = []
  const unplanned: { statement: string; reason: string }[] = []
  await withPlanningSession(pool, async (session) => {
    if (assume !== undefined) {
      // An older CREATE INDEX counts the rows of its table, and what was assumed is gone.
      if (prove && session.serverVersion < 180_000) {
        throw new PlansUnavailableError('indexes cannot be tried for assumed sizes before PostgreSQL 18')
      }
      await plantOn(session.client, assume)
    }
    for (const text of statements) {
      const { fingerprint: statement } = shapeOf(text)
      if (Object.hasOwn(plans, statement)) continue
      const { plan, reason } = await session.plan(text)
      if (plan === undefined) {
        unplanned.push({ statement, reason })
        continue
      }
      plans[statement] = decisionsOf(plan)
      const facts = await factsOf(session, plan)
      const found = [
        ...await missingIndexes(session, text, plan, facts, { largeRows, prove, proveRows }),
        ...findCasts(plan, facts),
        ...findOffset(statement),
        ...findUnbounded(plan, unboundedRows),
      ]
      findings.push(...found.map((finding) => ({ ...finding, statement })))
    }
  })
  return { plans, findings, unplanned }
}

type Found = Omit<PlanFinding, 'statement'>
type FactsOf = (node: PlanNode) => TableFacts | undefined

async function factsOf ({ client }: PlanningSession, plan: PlanNode): Promise<FactsOf> {
  const tables = nodesOf(plan).flatMap(({ Schema: schema, 'Relation Name': name }) =>
    schema === undefined || name === undefined ? [] : [{ schema, name }]
  )
  const facts = tables.length === 0 ? new Map() : await readTableFacts(client, tables)
  return (node) => facts.get(`${node.Schema}.${node['Relation Name']}`)
}

async function missingIndexes (
  session: PlanningSession,
  text: string,
  plan: PlanNode,
  facts: FactsOf,
  { largeRows, prove, proveRows }: {
    readonly largeRows: number
    readonly prove: boolean
    readonly proveRows: number
  }
): Promise<readonly Found[]> {
  const { gaps, unindexable } = findGaps(plan, facts, { largeRows })
  const found: Found[] = unindexable.map((whole) => ({
    kind: 'whole-table',
    evidence: whole.evidence,
    advice: adviceFor(whole),
  }))
  for (const gap of gaps) {
    const proven = await proveIndex(session, text, plan, gap, { create: prove, createRows: proveRows })
    // The planner would not take any: reading the whole is what it should do.
    if (proven === undefined) continue
    const { columns, proof, note } = proven
    const index = createIndexText(gap.table, columns).replace('INDEX ON', 'INDEX CONCURRENTLY ON')
    const shown = proof === undefined ?
      `${note ?? 'not tried'}; it rests on the plan and the statistics` :
      `${how[proof.by]}, the planner takes it and estimates ${factorText(proof.factor)} less work`
    found.push({
      kind: 'missing-index',
      evidence: gap.evidence,
      advice: `${index} (${shown})`,
      index,
      ...(proof === undefined ? {} : { proof }),
    })
  }
  return found
}

const how: Readonly<Record<IndexProof['by'], string>> = {
  hypopg: 'tried with HypoPG',
  created: 'tried with a real index, taken back',
}

function factorText (factor: number): string {
  return factor >= 10 ? `${count(factor)} times` : `${factor.toFixed(1)} times`
}

function adviceFor ({ terms }: Unindexable): string {
  const text = terms.map((term) => term.text).join(' ')
  if (/ ~~\*? | ~\*? /.test(text)) {
    return 'A pattern that may begin anywhere needs a trigram index: CREATE EXTENSION pg_trgm; CREATE INDEX ... USING ' +
      'gin (column gin_trgm_ops).'
  }
  if (/ OR /.test(text)) return 'Ask for each side of the OR by itself (UNION), or give each side an index.'
  return 'Compare a column as it is, or create an index on the expression.'
}

function findCasts (plan: PlanNode, facts: FactsOf): readonly Found[] {
  return nodesOf(plan).flatMap((node) => {
    const table = facts(node)
    if (table === undefined) return []
    return termsOf(node.Filter).filter((term) => defeatsIndex(term, table)).map((term): Found => {
      const { name = '' } = term.column ?? {}
      const type = table.types[name] ?? ''
      return {
        kind: 'cast',
        evidence:
          `${
            named(table)
          }.${name} is ${type} and has an index, which ${term.text} cannot use: each value is ` +
          `turned into ${term.cast} first`,
        advice: `Give the other side the column's type, e.g. $1::${type}.`,
      }
    })
  })
}

function defeatsIndex (term: Term, table: TableFacts): boolean {
  const { column } = term
  if (column === undefined || !isChanged(term, table)) return false
  return table.indexes.some(({ columns }) => columns[0] === column.name)
}

function findOffset (statement: string): readonly Found[] {
  if (!/\boffset (?:\$\d+|\?)/i.test(statement)) return []
  return [{
    kind: 'offset',
    evidence:
      'OFFSET reads and throws away all rows before the page, and skips or repeats rows when some come or go',
    advice: 'Page by key: where (sort columns) > (those of the last row) order by them limit n.',
  }]
}

function findUnbounded (plan: PlanNode, unboundedRows: number): readonly Found[] {
  const rows = plan['Plan Rows']
  const isChange = nodesOf(plan).some((node) => isInput(node) && node['Node Type'] === 'ModifyTable')
  if (isChange || plan['Node Type'] === 'Limit' || rows < unboundedRows) return []
  return [{
    kind: 'unbounded',
    evidence: `about ${count(rows)} rows are estimated, and nothing limits them`,
    advice: 'Give it a LIMIT and page by key, or stream it.',
  }]
}
