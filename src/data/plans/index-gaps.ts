import { type PlanColumn, sortColumnOf, type Term, termsOf } from './conditions.ts'
import { childrenOf, isInput, isJoin, type PlanNode } from './plan-node.ts'
import type { TableFacts } from './table-facts.ts'

/** A column of an index to be, with its direction where that matters. */
export interface IndexColumn {
  readonly name: string
  /** e.g. `DESC NULLS LAST`; empty for the default. */
  readonly direction: string
}

/** A place in a plan at which an index seems to be missing. */
export interface IndexGap {
  readonly table: TableFacts
  /** What the planner does for want of it, in words. */
  readonly evidence: string
  /** Column lists worth trying, the likeliest first. */
  readonly candidates: readonly (readonly IndexColumn[])[]
}

/** A table that is read as a whole for a few rows, by conditions that no plain index serves. */
export interface Unindexable {
  readonly table: TableFacts
  readonly evidence: string
  readonly terms: readonly Term[]
}

export interface GapLimits {
  /** Tables of fewer rows are read as a whole without harm. */
  readonly largeRows: number
}

/** An index pays when it leads to less than this share of a table. */
const worthwhileShare = 0.2
/** A join asks for so much less than it reads. */
const joinFactor = 10
/** Sorting fewer rows than this for a LIMIT is cheap. */
const sortedRows = 1_000

/** What the nodes above a scan ask of it. */
interface Demand {
  readonly limited: boolean
  readonly sort: readonly string[] | undefined
  /** Conditions of joins above, and how many rows come from their other side. */
  readonly joins: readonly { readonly terms: readonly Term[]; readonly otherRows: number }[]
}

const nothing: Demand = { limited: false, sort: undefined, joins: [] }

/** Finds where a plan reads or sorts much for little. @param factsOf those of a relation of the plan */
export function findGaps (
  root: PlanNode,
  factsOf: (node: PlanNode) => TableFacts | undefined,
  { largeRows }: GapLimits
): { readonly gaps: readonly IndexGap[]; readonly unindexable: readonly Unindexable[] } {
  const gaps: IndexGap[] = []
  const unindexable: Unindexable[] = []

  function visit (node: PlanNode, demand: Demand): void {
    const table = factsOf(node)
    if (table !== undefined && table.rows >= largeRows && node['Node Type'].endsWith('Scan')) {
      look(node, table, demand)
    }
    childrenOf(node).forEach((child) =>
      visit(child, isInput(child) ? demandOn(child, node, demand) : nothing)
    )
  }

  function look (node: PlanNode, table: TableFacts, demand: Demand): void {
    const alias = node.Alias ?? ''
    const filter = termsOf(node.Filter)
    const served = [...termsOf(node['Index Cond']), ...termsOf(node['Recheck Cond'])]
    const isWhole = node['Node Type'] === 'Seq Scan'
    const isSelective = node['Plan Rows'] <= worthwhileShare * table.rows
    const equal = columnsOf([...served, ...filter], 'equality', alias, table)
    const range = columnsOf([...served, ...filter], 'range', alias, table)
    const sort = sortOf(demand, alias, node)
    const evidence: string[] = []
    if (isWhole && filter.length > 0 && isSelective) {
      evidence.push(
        `${named(table)} has about ${count(table.rows)} rows, all of which are read to keep about ` +
          `${count(node['Plan Rows'])} by ${filter.map(({ text }) => text).join(' and ')}`
      )
    }
    if (sort !== undefined) {
      evidence.push(
        `about ${count(node['Plan Rows'])} rows of ${named(table)} are sorted for a LIMIT of them`
      )
    }
    const joined = isWhole && filter.length === 0 ? joinColumns(demand, alias, table) : undefined
    if (joined !== undefined) {
      evidence.push(
        `all of the about ${count(table.rows)} rows of ${named(table)} are read to join about ` +
          `${count(joined.otherRows)} rows by ${joined.text}`
      )
    }
    if (evidence.length === 0) return
    const columns = joined === undefined ? equal : [...joined.columns, ...equal]
    const candidates = candidatesOf(table, columns, range, sort).filter((list) => !hasIndex(table, list))
    if (candidates.length > 0) gaps.push({ table, evidence: evidence.join('; '), candidates })
    else if (isWhole && equal.length + range.length === 0 && filter.length > 0) {
      unindexable.push({ table, evidence: evidence.join('; '), terms: filter })
    }
  }

  visit(root, nothing)
  return { gaps, unindexable }
}

function demandOn (child: PlanNode, node: PlanNode, demand: Demand): Demand {
  const type = node['Node Type']
  if (type === 'Limit') return { ...demand, limited: true }
  if (type === 'Sort' || type === 'Incremental Sort') {
    return demand.limited ? { ...demand, sort: node['Sort Key'] } : { ...demand, sort: undefined }
  }
  if (isJoin(node)) {
    const terms = ['Hash Cond', 'Merge Cond', 'Join Filter'] as const
    const other = childrenOf(node).find((each) => each !== child && isInput(each))
    const join = { terms: terms.flatMap((key) => termsOf(node[key])), otherRows: other?.['Plan Rows'] ?? 0 }
    return { ...demand, joins: [...demand.joins, join] }
  }
  return /^(?:Hash|Materialize|Memoize|LockRows|Append|Result)$/.test(type) ? demand : nothing
}

/** The sort of a LIMIT that an index of this table alone could spare. */
function sortOf ({ sort }: Demand, alias: string, node: PlanNode): readonly IndexColumn[] | undefined {
  if (sort === undefined || node['Plan Rows'] < sortedRows) return undefined
  const columns = sort.map(sortColumnOf)
  if (!columns.every((column) => column?.alias === alias)) return undefined
  // An index is read backwards as well, so that a direction matters only where there are two.
  const isUniform = new Set(columns.map((column) => column?.direction)).size === 1 &&
    /^(?:DESC)?$/.test(columns[0]?.direction ?? '')
  return columns.map((column) => ({
    name: column?.name ?? '',
    direction: isUniform ? '' : column?.direction ?? '',
  }))
}

function joinColumns (
  { joins }: Demand,
  alias: string,
  table: TableFacts
): { readonly columns: readonly string[]; readonly otherRows: number; readonly text: string } | undefined {
  for (const { terms, otherRows } of joins) {
    if (otherRows * joinFactor > table.rows) continue
    const sides = terms.flatMap((term) =>
      term.kind !== 'equality' || term.cast !== undefined ?
        [] :
        [term.column, term.with].filter((side): side is PlanColumn => side?.alias === alias)
    )
    if (sides.length > 0) {
      return {
        columns: sides.map(({ name }) => name),
        otherRows,
        text: terms.map(({ text }) => text).join(' and '),
      }
    }
  }
  return undefined
}

/** Columns that terms of a kind compare as they are; of several, the one with the most different values first. */
function columnsOf (
  terms: readonly Term[],
  kind: Term['kind'],
  alias: string,
  table: TableFacts
): readonly string[] {
  const names = terms
    .filter((term) => term.kind === kind && term.column?.alias === alias && !isChanged(term, table))
    .map(({ column }) => column?.name ?? '')
  const distinct = (name: string): number => table.distinct[name] ?? 200
  return [...new Set(names)].toSorted((a, b) => distinct(b) - distinct(a))
}

/** A cast from varchar to text changes nothing, and an index serves it. */
export function isChanged ({ cast, column }: Term, table: TableFacts): boolean {
  if (cast === undefined) return false
  return !(cast === 'text' && table.types[column?.name ?? ''] === 'character varying')
}

/**
 * Equality first, since it leaves one stretch of the index; then what is sorted by, since the stretch is in that order;
 * then one range. A range before the sort is the better one when it keeps little.
 */
function candidatesOf (
  table: TableFacts,
  equal: readonly string[],
  range: readonly string[],
  sort: readonly IndexColumn[] | undefined
): readonly (readonly IndexColumn[])[] {
  const plain = (names: readonly string[]): readonly IndexColumn[] =>
    names.map((name) => ({ name, direction: '' }))
  const lists = [
    ...(sort === undefined ? [] : [[...plain(equal), ...sort, ...plain(range.slice(0, 1))]]),
    ...(sort === undefined ? [] : [[...plain(equal), ...sort]]),
    [...plain(equal), ...plain(range.slice(0, 1))],
  ].map(withoutRepeats).filter((list) => list.length > 0)
  return lists.filter((list, at) => lists.findIndex((other) => same(other, list)) === at)
    .filter((list) => list.every(({ name }) => Object.hasOwn(table.types, name)))
}

function withoutRepeats (list: readonly IndexColumn[]): readonly IndexColumn[] {
  return list.filter(({ name }, at) => list.findIndex((other) => other.name === name) === at)
}

function same (one: readonly IndexColumn[], other: readonly IndexColumn[]): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

function hasIndex ({ indexes }: TableFacts, list: readonly IndexColumn[]): boolean {
  return indexes.some(({ columns, isPartial, isOrdered }) =>
    isOrdered && !isPartial && list.every(({ name }, at) => columns[at] === name)
  )
}

export function named ({ schema, name }: Pick<TableFacts, 'schema' | 'name'>): string {
  return schema === 'public' ? name : `${schema}.${name}`
}

export function count (rows: number): string {
  return Math.round(rows).toLocaleString('en')
}
