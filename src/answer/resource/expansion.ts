import type { Relation, Resource } from './definition.ts'
import type { FieldTree } from './field-mask.ts'
import { expansionRefused, shown, valueInvalid } from './problems.ts'

/** A relation that is to be read along, and what of its items in turn. */
export interface Expansion {
  readonly name: string
  readonly relation: Relation
  readonly target: Resource
  readonly inner: readonly Expansion[]
}

/**
 * Reads `category,items.product`: paths of relations with commas between them. A path stands for all on its way.
 *
 * @param items how many items the expansions are read for, at most
 * @throws Problem RESOURCE_EXPANSION_REFUSED with the reason and what is allowed
 */
export function parseExpansions (text: string, resource: Resource, items: number): readonly Expansion[] {
  if (text === '') throw valueInvalid('expand', 'names of relations with commas between them', text)
  const paths = [...new Set(text.split(','))].map((path) => path.split('.'))
  const { depth, cost } = resource.limits
  const tooDeep = paths.find((path) => path.length > depth)
  if (tooDeep !== undefined) {
    const detail = `${shown(tooDeep.join('.'))} goes ${tooDeep.length} levels deep; ${depth} are allowed`
    throw expansionRefused('depth', detail, depth)
  }
  const expansions = expand(paths, resource, [resource])
  const rows = rowsOf(expansions, items)
  if (rows > cost) {
    const detail = `the expansions could read ${rows} rows for ${items} items; ${cost} are allowed`
    throw expansionRefused('cost', detail, cost)
  }
  return expansions
}

function expand (
  paths: readonly (readonly string[])[],
  resource: Resource,
  way: readonly Resource[]
): readonly Expansion[] {
  const byHead = Map.groupBy(paths, ([head]) => head ?? '')
  return [...byHead].map(([name, paths]) => {
    const relation = resource.relations.get(name)
    if (relation === undefined) {
      const detail = `${resource.name} has no relation ${shown(name)}`
      throw expansionRefused('unknown', detail, [...resource.relations.keys()])
    }
    const target = relation.target()
    if (way.includes(target)) {
      const names = [...way, target].map((each) => each.name)
      throw expansionRefused('cycle', `${names.join(' > ')} comes back to where it has been`, undefined)
    }
    const rest = paths.map((path) => path.slice(1)).filter((path) => path.length > 0)
    return { name, relation, target, inner: expand(rest, target, [...way, target]) }
  })
}

function rowsOf (expansions: readonly Expansion[], items: number): number {
  return expansions.reduce((sum, { relation, inner }) => {
    const rows = relation.kind === 'one' ? items : items * relation.limit
    return sum + rows + rowsOf(inner, rows)
  }, 0)
}

/** What `fields` may name once these relations are expanded. */
export function fieldTree (resource: Resource, expansions: readonly Expansion[], place?: string): FieldTree {
  const here = place ?? resource.name
  return {
    place: here,
    fields: resource.shown.map(({ name }) => name),
    relations: new Map(
      expansions.map(({ name, target, inner }) => [name, fieldTree(target, inner, `${here}.${name}`)])
    ),
  }
}

/** One text for all requests that expand the same. */
export function canonicalExpansions (expansions: readonly Expansion[], prefix: string = ''): string {
  return expansions.toSorted((a, b) => a.name < b.name ? -1 : 1)
    .flatMap(({ name, inner }) =>
      inner.length === 0 ? [prefix + name] : [prefix + name, canonicalExpansions(inner, `${prefix}${name}.`)]
    )
    .join(',')
}
