import type { Column } from './column.ts'
import { columnOf, type Resource } from './definition.ts'
import type { Expansion } from './expansion.ts'
import { everyField, type FieldMask } from './field-mask.ts'

/** A row as `pg` reads it, by place. */
export type Row = readonly unknown[]

/** An item as it is answered. */
export type Item = Record<string, unknown>

/** Which columns are read for some items, and what becomes of each row. */
export interface Selection {
  /** What follows SELECT; never empty, since a mask without own fields is one of relations, which have ties. */
  readonly columns: readonly Column[]
  /** The columns at the front that are shown; what follows is read for the expansions alone. */
  readonly shownCount: number
  /** For each expansion the place of the column that ties its items to these. */
  readonly ties: ReadonlyMap<Expansion, number>
  readonly expansions: readonly Expansion[]
  readonly mask: FieldMask
}

/** Reads no column that nobody has asked for. */
export function selectionOf (
  resource: Resource,
  expansions: readonly Expansion[],
  mask: FieldMask
): Selection {
  const { own } = mask
  const shown = own === undefined ? resource.shown : resource.shown.filter(({ name }) => own.includes(name))
  const columns = [...shown]
  const ties = new Map<Expansion, number>()
  for (const expansion of expansions) {
    const { relation, name } = expansion
    const tie = relation.kind === 'many' ?
      resource.key :
      columnOf(resource.columns, relation.by, `expand.${name} of ${resource.name}`)
    if (!columns.includes(tie)) columns.push(tie)
    ties.set(expansion, columns.indexOf(tie))
  }
  return { columns, shownCount: shown.length, ties, expansions, mask }
}

/** What a client wants of an expanded relation. */
export function maskFor ({ mask }: Selection, { name }: Expansion): FieldMask {
  return mask.relations.get(name) ?? everyField
}

export function selectText ({ columns }: Selection): string {
  return columns.map(({ sql }) => sql).join(', ')
}

/** The shown columns of a row, by name. */
export function itemOf ({ columns, shownCount }: Selection, row: Row): Item {
  const item: Item = {}
  for (let at = 0; at < shownCount; at++) {
    const { name, toJson } = columns[at]!
    item[name] = toJson === undefined ? row[at] : toJson(row[at])
  }
  return item
}
