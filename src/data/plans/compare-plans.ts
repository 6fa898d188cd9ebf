import { type Decision, decisionText } from './decisions.ts'

/**
 * What the planner decides otherwise, in words; empty when the plans decide the same.
 *
 * @returns sentences such as `product: was Index Scan by product_pkey, is now Seq Scan`
 */
export function comparePlans (before: readonly Decision[], after: readonly Decision[]): readonly string[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return []
  const changes = [
    ...compareScans(before, after),
    ...compareJoins(before, after),
    ...compareRest(before, after),
  ]
  return changes.length > 0 ? changes : ['the same steps, in another order']
}

function compareScans (before: readonly Decision[], after: readonly Decision[]): readonly string[] {
  const [then, now] = [scansOf(before), scansOf(after)]
  const changes: string[] = []
  for (const [relation, scan] of now) {
    const earlier = then.get(relation)
    if (earlier === undefined) {
      changes.push(`${relation} is read now, by ${decisionText(scan)}`)
      continue
    }
    const [was, is] = [methodOf(earlier), methodOf(scan)]
    if (was !== is) changes.push(`${relation}: was ${was}, is now ${is}`)
    changes.push(...comparePart(`${relation}: index condition`, earlier.condition, scan.condition))
    changes.push(...comparePart(`${relation}: filter`, earlier.filter, scan.filter))
  }
  for (const relation of then.keys()) {
    if (!now.has(relation)) changes.push(`${relation} is read no more`)
  }
  return changes
}

function comparePart (what: string, was: string | undefined, is: string | undefined): readonly string[] {
  if (was === is) return []
  if (was === undefined) return [`${what} ${is} is new`]
  return [is === undefined ? `${what} ${was} is gone` : `${what} was ${was}, is now ${is}`]
}

function compareJoins (before: readonly Decision[], after: readonly Decision[]): readonly string[] {
  const [then, now] = [joinsOf(before), joinsOf(after)]
  const changes: string[] = []
  for (const [relations, method] of now) {
    const was = then.get(relations)
    if (was !== undefined && was !== method) {
      changes.push(`join of ${relations}: was ${was}, is now ${method}`)
    }
  }
  const [was, is] = [orderOf(before), orderOf(after)]
  // One relation more or less was told with the scans.
  const sameRelations = was.toSorted().join() === is.toSorted().join()
  if (sameRelations && was.join() !== is.join()) {
    changes.push(`order of joins: was ${was.join(', ')}; is now ${is.join(', ')}`)
  }
  return changes
}

/** Sorts, groupings, limits: told as new or gone. */
function compareRest (before: readonly Decision[], after: readonly Decision[]): readonly string[] {
  const gone = restOf(before)
  const fresh = restOf(after).filter((text) => {
    const at = gone.indexOf(text)
    if (at !== -1) gone.splice(at, 1)
    return at === -1
  })
  return [...fresh.map((text) => `${text} is new`), ...gone.map((text) => `${text} is gone`)]
}

function methodOf ({ node, by }: Decision): string {
  return by === undefined ? node : `${node} by ${by}`
}

/** By relation; one that is read several times has a number. */
function scansOf (plan: readonly Decision[]): ReadonlyMap<string, Decision> {
  const scans = new Map<string, Decision>()
  for (const decision of plan) {
    if (!isScan(decision)) continue
    let name = decision.on ?? ''
    for (let again = 2; scans.has(name); again++) name = `${decision.on} (${again})`
    scans.set(name, decision)
  }
  return scans
}

/** By the relations below them. */
function joinsOf (plan: readonly Decision[]): ReadonlyMap<string, string> {
  const joins = new Map<string, string>()
  plan.forEach((decision, at) => {
    if (!isJoin(decision)) return
    const next = plan.findIndex(({ depth }, other) => other > at && depth <= decision.depth)
    const inside = plan.slice(at + 1, next === -1 ? plan.length : next)
    joins.set(orderOf(inside).toSorted().join(', '), decision.node)
  })
  return joins
}

function orderOf (plan: readonly Decision[]): readonly string[] {
  return plan.filter(isScan).map(({ on }) => on ?? '')
}

function restOf (plan: readonly Decision[]): string[] {
  return plan.filter((decision) => !isScan(decision) && !isJoin(decision)).map(decisionText)
}

function isScan ({ node, on }: Decision): boolean {
  return on !== undefined && node.endsWith('Scan')
}

function isJoin ({ node }: Decision): boolean {
  return /^(?:Nested Loop|Hash Join|Merge Join)/.test(node)
}
