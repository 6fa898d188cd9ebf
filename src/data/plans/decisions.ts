import { withoutLiterals } from '../watch/index.ts'
import { childrenOf, isJoin, type PlanNode } from './plan-node.ts'

/**
 * One thing that the planner chose, without costs and estimates: those change with each ANALYZE, and say nothing by
 * themselves. A plan is a list of them, parents before children.
 */
export interface Decision {
  readonly depth: number
  /** As EXPLAIN names it; the two nodes of a bitmap scan are one `Bitmap Scan`. */
  readonly node: string
  /** The relation, and its alias where that is another. */
  readonly on?: string
  /** The index, or several of a bitmap scan. */
  readonly by?: string
  /** What the index or the join finds by. */
  readonly condition?: string
  /** What is thrown away after it was read. */
  readonly filter?: string
  /** What is sorted or grouped by. */
  readonly keys?: string
  /** Why it stands where it does: a subquery of an expression, a common table expression. */
  readonly role?: string
}

/** Steps that only serve the one above, whose presence is a matter of cost. */
const transparent = /^(?:Hash|Materialize|Memoize|Gather|Gather Merge)$/

/** Reduces a plan to what the planner decided. Literals in conditions are `?`. */
export function decisionsOf (root: PlanNode, depth = 0): readonly Decision[] {
  const node = root['Node Type']
  if (transparent.test(node)) return below(root, depth)
  const decision: Writable<Decision> = { depth, node: nameOf(root) }
  const found = root['Index Cond'] ?? root['Hash Cond'] ?? root['Merge Cond'] ?? root['Recheck Cond']
  // All that a nested loop has; of the other joins what is looked at after they found.
  const joined = root['Join Filter']
  const { on, condition, keys, role } = {
    on: subjectOf(root),
    condition: found ?? joined,
    keys: (root['Sort Key'] ?? root['Group Key'])?.join(', '),
    role: roleOf(root),
  }
  const filter = found === undefined ? root.Filter : joined ?? root.Filter
  const by = node === 'Bitmap Heap Scan' ? bitmapIndexes(root) : root['Index Name']
  if (on !== undefined) decision.on = on
  if (by !== undefined) decision.by = by
  if (condition !== undefined) decision.condition = withoutLiterals(condition)
  if (filter !== undefined) decision.filter = withoutLiterals(filter)
  if (keys !== undefined) decision.keys = withoutLiterals(keys)
  if (role !== undefined) decision.role = role
  return node === 'Bitmap Heap Scan' ? [decision] : [decision, ...below(root, depth + 1)]
}

type Writable<Value> = { -readonly [Key in keyof Value]: Value[Key] }

/** A decision as a line for people, e.g. `Index Scan on product by product_pkey (product.id = $1)`. */
export function decisionText ({ node, on, by, condition, filter, keys, role }: Decision): string {
  return [
    role === undefined ? '' : `${role}: `,
    node,
    on === undefined ? '' : ` on ${on}`,
    by === undefined ? '' : ` by ${by}`,
    keys === undefined ? '' : ` by ${keys}`,
    condition === undefined ? '' : ` ${condition}`,
    filter === undefined ? '' : `, filter ${filter}`,
  ].join('')
}

/** A plan as lines for people. */
export function planText (decisions: readonly Decision[]): readonly string[] {
  return decisions.map((decision) => '  '.repeat(decision.depth) + decisionText(decision))
}

function below (node: PlanNode, depth: number): readonly Decision[] {
  return childrenOf(node).flatMap((child) => decisionsOf(child, depth))
}

function nameOf (node: PlanNode): string {
  const type = node['Node Type']
  if (type === 'Bitmap Heap Scan') return 'Bitmap Scan'
  if (type === 'ModifyTable') return node.Operation ?? type
  const { Strategy: strategy, 'Join Type': join } = node
  if (isJoin(node) && join !== undefined && join !== 'Inner') return `${type} (${join.toLowerCase()})`
  return strategy === undefined || strategy === 'Plain' ? type : `${type} (${strategy.toLowerCase()})`
}

function subjectOf (node: PlanNode): string | undefined {
  const name = node['Relation Name'] ?? node['CTE Name'] ?? node['Function Name']
  const { Alias: alias } = node
  return name === undefined || alias === undefined || alias === name ? name : `${name} ${alias}`
}

function roleOf (node: PlanNode): string | undefined {
  const name = node['Subplan Name']
  if (name?.startsWith('CTE ') === true) return name
  const relationship = node['Parent Relationship']
  if (relationship === 'SubPlan') return 'for each row'
  return relationship === 'InitPlan' ? 'once' : undefined
}

function bitmapIndexes (node: PlanNode): string {
  return childrenOf(node).map((child) => {
    const index = child['Index Name']
    if (index !== undefined) return index
    return bitmapIndexes(child).replaceAll(', ', child['Node Type'] === 'BitmapOr' ? ' or ' : ' and ')
  }).join(', ')
}
