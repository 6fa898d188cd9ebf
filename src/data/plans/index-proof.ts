import { quoteIdentifier } from '../../engines/index.ts'
import type { IndexColumn, IndexGap } from './index-gaps.ts'
import { nodesOf, type PlanNode } from './plan-node.ts'
import type { PlanningSession } from './planning-session.ts'
import type { TableFacts } from './table-facts.ts'

/** What an index was shown to do. */
export interface IndexProof {
  /**
   * `hypopg`: the planner was asked with an index that exists in its mind only; `created`: with a real one, in a
   * transaction that was rolled back.
   */
  readonly by: 'hypopg' | 'created'
  /** How many times cheaper the planner holds the statement to be. */
  readonly factor: number
}

/** The best index for a gap. */
export interface ProvenIndex {
  readonly columns: readonly IndexColumn[]
  /** `undefined` when nothing was tried. */
  readonly proof: IndexProof | undefined
  /** What was found out beside it, in words. */
  readonly note: string | undefined
}

export interface ProofOptions {
  /** Creates indexes for real, where HypoPG is not there. It keeps writers of the table waiting meanwhile. */
  readonly create: boolean
  /** Larger tables get no real index. */
  readonly createRows: number
}

/** An index must make a statement this much cheaper. */
const worthwhile = 1.5
const nearly = 0.95

/**
 * Tries the candidates of a gap.
 *
 * @param before the plan without them
 * @returns `undefined` when none helps
 */
export async function proveIndex (
  session: PlanningSession,
  text: string,
  before: PlanNode,
  { table, candidates }: IndexGap,
  { create, createRows }: ProofOptions
): Promise<ProvenIndex | undefined> {
  const [first = []] = candidates
  const by = await hasHypoPg(session) ? 'hypopg' : create ? 'created' : undefined
  if (by === undefined) return { columns: first, proof: undefined, note: undefined }
  if (by === 'created' && table.rows > createRows) {
    return {
      columns: first,
      proof: undefined,
      note: 'not tried: the table is too large to index it for a trial',
    }
  }
  const trials: IndexTrial[] = []
  for (const columns of candidates) {
    const cost = await costWith(session, text, table, columns, by)
    trials.push({ columns, factor: before['Total Cost'] / Math.max(cost, 0.01) })
  }
  const best = bestTrial(trials)
  if (best === undefined) return undefined
  return { columns: best.columns, proof: { by, factor: best.factor }, note: undefined }
}

/** An index, and how many times cheaper a statement is with it; 0 when the planner does not take it. */
export interface IndexTrial {
  readonly columns: readonly IndexColumn[]
  readonly factor: number
}

/** The one that helps most; of those that help nearly as much, the shortest, since it costs writers the least. */
export function bestTrial (trials: readonly IndexTrial[]): IndexTrial | undefined {
  const most = Math.max(0, ...trials.map(({ factor }) => factor))
  if (most < worthwhile) return undefined
  return trials
    .filter(({ factor }) => factor >= most * nearly)
    .toSorted((one, other) => one.columns.length - other.columns.length)[0]
}

/** @returns infinity when the planner does not take the index */
function costWith (
  session: PlanningSession,
  text: string,
  table: TableFacts,
  columns: readonly IndexColumn[],
  by: IndexProof['by']
): Promise<number> {
  return session.attempt(async () => {
    const sql = createIndexText(table, columns)
    const name = by === 'hypopg' ? await imagine(session, sql) : await build(session, sql)
    const { plan } = await session.plan(text)
    if (by === 'hypopg') await session.client.query('SELECT hypopg_reset()')
    const isTaken = plan !== undefined && nodesOf(plan).some((node) => node['Index Name'] === name)
    return isTaken ? plan['Total Cost'] : Number.POSITIVE_INFINITY
  })
}

/** @see https://hypopg.readthedocs.io */
async function hasHypoPg ({ client }: PlanningSession): Promise<boolean> {
  const { rows } = await client.query<{ there: boolean }>(
    "SELECT to_regprocedure('hypopg_create_index(text)') IS NOT NULL AS there"
  )
  return rows[0]?.there === true
}

async function imagine ({ client }: PlanningSession, sql: string): Promise<string | undefined> {
  const { rows } = await client.query<{ name: string }>(
    'SELECT indexname AS name FROM hypopg_create_index($1)',
    [sql]
  )
  return rows[0]?.name
}

async function build ({ client }: PlanningSession, sql: string): Promise<string> {
  const name = 'plimsoll_proof'
  await client.query(sql.replace('INDEX ON', `INDEX ${name} ON`))
  return name
}

/** `CREATE INDEX ON schema.table (columns)`. */
export function createIndexText ({ schema, name }: TableFacts, columns: readonly IndexColumn[]): string {
  const list = columns.map(({ name, direction }) => `${identifier(name)} ${direction}`.trim()).join(', ')
  return `CREATE INDEX ON ${identifier(schema)}.${identifier(name)} (${list})`
}

/** Quoted only where it must be. */
function identifier (name: string): string {
  return /^[a-z_][a-z\d_]*$/.test(name) && !reserved.has(name) ? name : quoteIdentifier(name)
}

/** Those of PostgreSQL's reserved words that tables and columns are likely to have. */
const reserved: ReadonlySet<string> = new Set(
  ('all analyse analyze and any array as asc both case cast check collate column constraint create default desc ' +
    'distinct do else end except false fetch for foreign from grant group having in initially intersect into lateral ' +
    'leading limit localtime not null offset on only or order placing primary references returning select some ' +
    'symmetric table then to trailing true union unique user using variadic when where window with').split(
      ' '
    )
)
