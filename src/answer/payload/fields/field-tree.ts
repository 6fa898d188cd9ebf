import type { FieldPath } from './read-fields.ts'

/** Which members of a document stay; `'all'` for one that stays as it is. */
export type FieldTree = ReadonlyMap<string, FieldTree | 'all'>

/** Joins paths: a member that is named whole needs no names below it. */
export function treeOf (paths: readonly FieldPath[]): FieldTree {
  const root = new Map<string, FieldTree | 'all'>()
  for (const path of paths) add(root, path)
  return root
}

function add (tree: Map<string, FieldTree | 'all'>, [name = '', ...rest]: FieldPath): void {
  const known = tree.get(name)
  if (known === 'all') return
  if (rest.length === 0) {
    tree.set(name, 'all')
    return
  }
  const below = (known ?? new Map()) as Map<string, FieldTree | 'all'>
  tree.set(name, below)
  add(below, rest)
}

/** The paths of a tree in one order, whatever the order in which they were asked for. */
export function pathsOf (tree: FieldTree, prefix = ''): readonly string[] {
  return [...tree.keys()].toSorted().flatMap((name) => {
    const below = tree.get(name)
    return below === 'all' || below === undefined ? [`${prefix}${name}`] : pathsOf(below, `${prefix}${name}.`)
  })
}

/** What a tree leaves of a document that was read from JSON. Arrays are looked through. */
export function pick (value: unknown, tree: FieldTree): unknown {
  if (Array.isArray(value)) return value.map((item) => pick(item, tree))
  if (typeof value !== 'object' || value === null) return value
  const picked: Record<string, unknown> = {}
  // In the document's own order, which is that of the schema.
  for (const [name, member] of Object.entries(value)) {
    const below = tree.get(name)
    if (below !== undefined) picked[name] = below === 'all' ? member : pick(member, below)
  }
  return picked
}
