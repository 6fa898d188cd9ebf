import { fieldUnknown, valueInvalid } from './problems.ts'

/** What a client wants of an item: some of its own fields, and what it wants of each expanded relation. */
export interface FieldMask {
  /** Own fields, in the order of the schema; undefined for all. */
  readonly own: readonly string[] | undefined
  readonly relations: ReadonlyMap<string, FieldMask>
}

export const everyField: FieldMask = { own: undefined, relations: new Map() }

/** What can be named: fields, and expanded relations with what can be named in them. */
export interface FieldTree {
  readonly place: string
  readonly fields: readonly string[]
  readonly relations: ReadonlyMap<string, FieldTree>
}

/**
 * Reads `id,name,category.name`: names with commas between them, where a dot enters an expanded relation. The order
 * and repetitions do not matter. A relation that is named itself is wanted whole; one that is not named at all, too.
 *
 * @throws Problem RESOURCE_FIELD_UNKNOWN for a name that cannot be named, RESOURCE_VALUE_INVALID for none
 */
export function parseFieldMask (text: string, tree: FieldTree): FieldMask {
  if (text === '') throw valueInvalid('fields', 'names of fields with commas between them', text)
  return maskOf(text.split(','), tree)
}

function maskOf (names: readonly string[], tree: FieldTree): FieldMask {
  const own = new Set<string>()
  const inner = new Map<string, string[]>()
  for (const name of new Set(names)) {
    const dot = name.indexOf('.')
    const head = dot === -1 ? name : name.slice(0, dot)
    const isRelation = tree.relations.has(head)
    if (dot === -1 && tree.fields.includes(name)) own.add(name)
    else if (dot === -1 && isRelation) inner.set(name, [])
    else if (isRelation) inner.set(head, [...inner.get(head) ?? [], name.slice(dot + 1)])
    else throw fieldUnknown(name, tree.place, [...tree.fields, ...tree.relations.keys()])
  }
  const whole = new Set(names.filter((name) => tree.relations.has(name)))
  const relations = [...inner].map(([relation, names]) =>
    [relation, maskOf(names, tree.relations.get(relation)!), whole.has(relation)] as const
  )
  const isAll = own.size === tree.fields.length
  return {
    own: isAll ? undefined : tree.fields.filter((field) => own.has(field)),
    relations: new Map(relations.map(([relation, mask, isWhole]) => [relation, isWhole ? everyField : mask])),
  }
}

/** One text for all masks that want the same; empty for everything. */
export function canonicalMask (mask: FieldMask, prefix: string = ''): string {
  if (mask.own === undefined && mask.relations.size === 0) return ''
  const own = (mask.own ?? ['*']).map((name) => prefix + name)
  const inner = [...mask.relations]
    .toSorted(([a], [b]) => a < b ? -1 : 1)
    .map(([relation, of]) => canonicalMask(of, `${prefix}${relation}.`))
  return [...own, ...inner].filter((name) => name !== '').join(',')
}
