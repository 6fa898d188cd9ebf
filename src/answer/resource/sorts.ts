import type { KeysetColumn } from '../../data/page/index.ts'
import { SettingError } from '../../kernel/index.ts'
import type { Column } from './column.ts'

/** The columns of an order that a list offers, most significant first. */
export type ListOrder = readonly KeysetColumn[]

/** All orders on offer by the name that a client gives them: each as declared, then each reversed. */
export function resolveSorts (
  resource: string,
  columns: ReadonlyMap<string, Column>,
  declared: readonly string[]
): ReadonlyMap<string, ListOrder> {
  if (declared.length === 0)
    throw new SettingError(`list.sort of ${resource}`, 'at least one order', declared)
  const names = [...declared, ...declared.map(reversedName)]
  return new Map(names.map((name) => [name, orderOf(resource, columns, name)]))
}

function orderOf (resource: string, columns: ReadonlyMap<string, Column>, name: string): ListOrder {
  return name.split(',').map((term) => {
    const column = columns.get(term.replace(/^-/, ''))
    if (column === undefined) {
      throw new SettingError(`list.sort of ${resource}`, `made of ${[...columns.keys()].join(', ')}`, name)
    }
    const { sql, type, isNullable } = column
    const direction = term.startsWith('-') ? 'desc' : 'asc'
    return { column: sql, type, direction, ...isNullable ? {} : { nulls: 'never' } }
  })
}

function reversedName (name: string): string {
  return name.split(',').map((term) => term.startsWith('-') ? term.slice(1) : `-${term}`).join(',')
}

/** The order for ORDER BY, ended by the key so that it is the same each time. */
export function orderText (order: ListOrder, key: string): string {
  const terms = order.map(({ column, direction = 'asc' }) => `${column} ${direction}`)
  const isEnded = order.some(({ column }) => column === key)
  return (isEnded ? terms : [...terms, key]).join(', ')
}
