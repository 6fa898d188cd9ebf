/** A node of a plan, as `EXPLAIN (FORMAT JSON, VERBOSE)` writes it; what is not read here is left out. */
export interface PlanNode {
  readonly 'Node Type': string
  readonly 'Parent Relationship'?: string
  readonly 'Subplan Name'?: string
  readonly Strategy?: string
  readonly Operation?: string
  readonly 'Join Type'?: string
  readonly Schema?: string
  readonly 'Relation Name'?: string
  readonly 'CTE Name'?: string
  readonly 'Function Name'?: string
  readonly Alias?: string
  readonly 'Index Name'?: string
  readonly 'Index Cond'?: string
  readonly 'Recheck Cond'?: string
  readonly 'Order By'?: string
  readonly Filter?: string
  readonly 'Join Filter'?: string
  readonly 'Hash Cond'?: string
  readonly 'Merge Cond'?: string
  readonly 'Sort Key'?: readonly string[]
  readonly 'Group Key'?: readonly string[]
  readonly 'Total Cost': number
  readonly 'Plan Rows': number
  readonly Plans?: readonly PlanNode[]
}

export function childrenOf ({ Plans }: PlanNode): readonly PlanNode[] {
  return Plans ?? []
}

/** The node and all below it, parents first. */
export function nodesOf (root: PlanNode): readonly PlanNode[] {
  return [root, ...childrenOf(root).flatMap(nodesOf)]
}

/** Whether it takes part in making its parent's rows, as a subquery that stands in an expression does not. */
export function isInput (node: PlanNode): boolean {
  const relationship = node['Parent Relationship']
  return relationship !== 'SubPlan' && relationship !== 'InitPlan'
}

export function isJoin (node: PlanNode): boolean {
  return /^(?:Nested Loop|Hash Join|Merge Join)$/.test(node['Node Type'])
}
