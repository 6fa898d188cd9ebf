import { SettingError } from '../../kernel/index.ts'

export type SortDirection = 'asc' | 'desc'

/** One column to sort by. */
export interface KeysetColumn {
  /** What stands in ORDER BY, e.g. `product.price_cents` or `name collate "C"`. From your code, never a client's. */
  readonly column: string
  /** Its type in PostgreSQL, e.g. `timestamptz`, `numeric`, `bigint`, `uuid`, `text`, `char(3)`, `public.colour`. */
  readonly type: string
  /** @default 'asc' */
  readonly direction?: SortDirection
  /**
   * Where NULLs stand. `never` is your promise that there are none (NOT NULL): rows that break it are lost between
   * pages. @default as PostgreSQL and its indexes have it: `last` ascending, `first` descending
   */
  readonly nulls?: 'first' | 'last' | 'never'
}

/** A column of the key that tells rows apart. */
export interface KeysetKey {
  readonly column: string
  readonly type: string
  /** @default that of the last column before it */
  readonly direction?: SortDirection
}

/** A column with everything said. */
export interface OrderColumn {
  readonly column: string
  readonly type: string
  readonly direction: SortDirection
  readonly nulls: 'first' | 'last' | 'never'
}

/**
 * The complete order: the columns, then as much of the unique key as they do not hold. What stands after a
 * one-column key decides nothing and is left out.
 *
 * @throws SettingError for an order that does not tell rows apart
 */
export function completeOrder (
  columns: readonly KeysetColumn[],
  key: readonly KeysetKey[]
): readonly OrderColumn[] {
  if (key.length === 0) throw new SettingError('key', 'at least one column that tells rows apart', key)
  const order: OrderColumn[] = []
  const isWhole = (): boolean => key.every(({ column }) => order.some((known) => known.column === column))
  for (const column of columns) {
    if (isWhole()) break
    const isKey = key.some((part) => part.column === column.column)
    order.push(resolve(isKey ? { ...column, nulls: 'never' } : column))
  }
  for (const part of key) {
    if (order.some(({ column }) => column === part.column)) continue
    order.push(resolve({ direction: order.at(-1)?.direction ?? 'asc', ...part, nulls: 'never' }))
  }
  return order
}

/** A type's name, with schema, length and array brackets; quoted names are left out on purpose. */
const typeName = /^[a-z_][\w.]*(?: [a-z]+)*(?:\(\d+(?:, ?\d+)?\))?(?:\[\])?$/i

function resolve ({ column, type, direction = 'asc', nulls }: KeysetColumn): OrderColumn {
  if (column.trim() === '') throw new SettingError('column', 'an SQL expression', column)
  if (!typeName.test(type)) throw new SettingError(`type of ${column}`, 'the name of an SQL type', type)
  if (direction !== 'asc' && direction !== 'desc') {
    throw new SettingError(`direction of ${column}`, '"asc" or "desc"', direction)
  }
  if (nulls !== undefined && nulls !== 'first' && nulls !== 'last' && nulls !== 'never') {
    throw new SettingError(`nulls of ${column}`, '"first", "last" or "never"', nulls)
  }
  return { column, type, direction, nulls: nulls ?? (direction === 'asc' ? 'last' : 'first') }
}

/** The same order, read from its end. */
export function reversed (order: readonly OrderColumn[]): readonly OrderColumn[] {
  return order.map(({ column, type, direction, nulls }) => ({
    column,
    type,
    direction: direction === 'asc' ? 'desc' : 'asc',
    nulls: nulls === 'never' ? nulls : nulls === 'first' ? 'last' : 'first',
  }))
}

/** What follows ORDER BY. NULLs are spoken of only where PostgreSQL's own place for them is not meant. */
export function orderByText (order: readonly OrderColumn[]): string {
  return order.map(({ column, direction, nulls }) => {
    const own = direction === 'asc' ? 'last' : 'first'
    const place = nulls === 'never' || nulls === own ? '' : ` nulls ${nulls}`
    return `${column} ${direction}${place}`
  }).join(', ')
}
