import canonicalize from 'canonicalize'
import { SettingError } from '../../kernel/index.ts'
import type { CursorKeys } from './cursor-keys.ts'
import {
  bindingsOf,
  type CursorBinding,
  keyValues,
  type Position,
  readCursor,
  writeCursor,
} from './cursor.ts'
import { KeysetRowError } from './errors.ts'
import {
  completeOrder,
  type KeysetColumn,
  type KeysetKey,
  orderByText,
  type OrderColumn,
  reversed,
} from './order.ts'
import { pageSizeInvalid } from './problems.ts'
import { rangesAfter } from './ranges.ts'
import { rawSql, type SqlFragment } from './sql.ts'

/** How a list is sorted and paged; made once, e.g. beside the route that uses it. */
export interface KeysetOptions {
  /** Names the list: a cursor of one list is refused by every other. */
  readonly list: string
  /**
   * The version of what a cursor means, e.g. `"1"`. Cursors outlive deploys as long as it stays; change it when the
   * same filter or sort begins to mean other rows. Changed columns are noticed without it.
   */
  readonly version: string
  /** What to sort by, most significant first; none to sort by the key alone. @default none */
  readonly columns?: readonly KeysetColumn[]
  /** What tells rows apart: a column, or several, that are NOT NULL and unique together. It ends every order. */
  readonly key: KeysetKey | readonly KeysetKey[]
  readonly cursors: CursorKeys
  /** Items of a page when the request does not say, at most `maxLimit`. @default 20 */
  readonly defaultLimit?: number
  /** The most items of a page; asking for more gets so many. @default 100 */
  readonly maxLimit?: number
}

/** What a request asks for. */
export interface PageRequest {
  /** Items wanted; at least 1. @default `defaultLimit` */
  readonly limit?: number | undefined
  /** `next` or `previous` of another page; none for the first. */
  readonly cursor?: string | undefined
  /** All that chooses the rows besides the tenant, as JSON; the order of its members does not matter. */
  readonly filter?: unknown
  /** Whose rows they are. */
  readonly tenant?: string | undefined
}

/** The parts of one SELECT, to be put into a statement of your own. */
export interface PageStatement {
  /** To be joined to your own conditions with AND; it needs no further parentheses. */
  readonly where: SqlFragment
  /** To follow ORDER BY. */
  readonly orderBy: string
  /** To follow LIMIT; as text rather than as a parameter, since a generic plan guesses badly without the number. */
  readonly limit: number
  /** To be selected beside your columns, last when rows come as arrays: the row's own place, named `$key`. */
  readonly key: string
}

/** One page, in the list's order whichever way it was reached. */
export interface Page<Item> {
  readonly items: Item[]
  /** The cursor of the page after this one; null when there is none now. */
  readonly next: string | null
  /** The cursor of the page before this one; null on the first. */
  readonly previous: string | null
  /** How many items were asked for, after the clamp. */
  readonly limit: number
}

/** A sorted list that can be read page by page. */
export interface Keyset {
  readonly defaultLimit: number
  readonly maxLimit: number
  /**
   * Reads a page. `select` runs one SELECT made of the given parts and answers its rows; it is called once, or twice
   * where a page reaches over the border between NULLs and values.
   *
   * @throws Problem CURSOR_INVALID, PAGE_SIZE_INVALID
   * @throws KeysetRowError when rows lack the `$key`, or the key does not tell them apart
   */
  page<Row extends object>(
    request: PageRequest,
    select: (statement: PageStatement) => Promise<readonly Row[]>
  ): Promise<Page<Row>>
}

/** The name of the selected {@link PageStatement.key}; the `$` keeps name-changing plugins of builders away. */
const keyName = '$key'

/**
 * Declares a list to be read by keyset: a page costs the same wherever it lies, and each row that stays where it is
 * while somebody pages is seen exactly once, whatever is inserted or deleted meanwhile.
 *
 * @throws SettingError for options out of range
 * @see https://use-the-index-luke.com/no-offset
 */
export function keyset (options: KeysetOptions): Keyset {
  return new OrderedList(options)
}

class OrderedList implements Keyset {
  readonly defaultLimit: number
  readonly maxLimit: number
  readonly #list: string
  readonly #bind: (filter: string, tenant: string | undefined) => CursorBinding
  readonly #cursors: CursorKeys
  readonly #keyText: string
  readonly #ways: Readonly<Record<Position['way'], Way>>

  constructor (options: KeysetOptions) {
    const { list, version, columns = [], key, cursors, maxLimit = 100 } = options
    const { defaultLimit = Math.min(20, maxLimit) } = options
    if (!(Number.isInteger(maxLimit) && maxLimit >= 1))
      throw new SettingError('maxLimit', 'at least 1', maxLimit)
    if (!(Number.isInteger(defaultLimit) && defaultLimit >= 1 && defaultLimit <= maxLimit)) {
      throw new SettingError('defaultLimit', `a whole number from 1 to maxLimit (${maxLimit})`, defaultLimit)
    }
    const order = completeOrder(columns, Array.isArray(key) ? key as KeysetKey[] : [key as KeysetKey])
    this.defaultLimit = defaultLimit
    this.maxLimit = maxLimit
    this.#list = list
    this.#cursors = cursors
    const sort = order.map(({ column, type, direction, nulls }) => [column, type, direction, nulls])
    this.#bind = bindingsOf({ list, version, sort: JSON.stringify(sort) })
    this.#keyText = `json_build_array(${order.map(asText).join(', ')})::text as "${keyName}"`
    const back = reversed(order)
    this.#ways = {
      forwards: { order, orderBy: orderByText(order) },
      backwards: { order: back, orderBy: orderByText(back) },
    }
  }

  async page<Row extends object> (
    request: PageRequest,
    select: (statement: PageStatement) => Promise<readonly Row[]>
  ): Promise<Page<Row>> {
    const limit = this.#limitOf(request.limit)
    const binding = this.#bindingOf(request)
    const from = request.cursor === undefined ? undefined : readCursor(request.cursor, binding, this.#cursors)
    const { order, orderBy } = this.#ways[from?.way ?? 'forwards']
    const ranges = from === undefined ?
      everything :
      rangesAfter(order, keyValues(from.key, order.length), from.inclusive)
    const rows: Row[] = []
    for (const where of ranges) {
      // One more than asked for tells whether there is another page.
      rows.push(...await select({ where, orderBy, limit: limit + 1, key: this.#keyText }))
      if (rows.length > limit) break
    }
    const hasMore = rows.length > limit
    const found = rows.slice(0, limit).map((row) => takeKey(row, this.#list))
    refuseTwins(found, this.#list)
    if (from?.way === 'backwards') found.reverse()
    return {
      items: found.map(({ item }) => item),
      ...this.#cursorsAround(found, from, hasMore, binding),
      limit,
    }
  }

  #limitOf (asked: number | undefined): number {
    if (asked === undefined) return this.defaultLimit
    if (!Number.isInteger(asked) || asked < 1) throw pageSizeInvalid(asked, this.maxLimit)
    return Math.min(asked, this.maxLimit)
  }

  #bindingOf ({ filter, tenant }: PageRequest): CursorBinding {
    return this.#bind(filter === undefined ? '' : canonicalize(filter) ?? '', tenant)
  }

  /** @param from where the page was read from; a page that is empty there is still a place to turn back from */
  #cursorsAround (
    found: readonly KeyedItem[],
    from: Position | undefined,
    hasMore: boolean,
    binding: CursorBinding
  ): { next: string | null; previous: string | null } {
    const isBack = from?.way === 'backwards'
    const write = (way: Position['way'], key: string | undefined): string | null => {
      if (key !== undefined) return writeCursor({ way, inclusive: false, key }, binding, this.#cursors)
      if (from === undefined) return null
      return writeCursor({ way, inclusive: !from.inclusive, key: from.key }, binding, this.#cursors)
    }
    const hasNext = isBack || hasMore
    const hasPrevious = isBack ? hasMore : from !== undefined
    return {
      next: hasNext ? write('forwards', found.at(-1)?.key) : null,
      previous: hasPrevious ? write('backwards', found[0]?.key) : null,
    }
  }
}

interface Way {
  readonly order: readonly OrderColumn[]
  readonly orderBy: string
}

interface KeyedItem<Row = unknown> {
  readonly item: Row
  readonly key: string
}

const everything: readonly SqlFragment[] = [rawSql('true')]

/**
 * Text that reads back as the same value. Dates and times are left to JSON, which writes them by ISO 8601 with all
 * six places whatever the session's DateStyle; a JavaScript Date has three.
 */
function asText ({ column, type }: OrderColumn): string {
  return /^(?:timestamp|timestamptz|date)\b/i.test(type) ? column : `(${column})::text`
}

function takeKey<Row extends object> (row: Row, list: string): KeyedItem<Row> {
  if (Array.isArray(row)) {
    const key: unknown = row.at(-1)
    if (typeof key !== 'string') throw new KeysetRowError(list, 'key-missing')
    return { item: row.slice(0, -1) as unknown as Row, key }
  }
  const { [keyName]: key, ...item } = row as Record<string, unknown>
  if (typeof key !== 'string') throw new KeysetRowError(list, 'key-missing')
  return { item: item as Row, key }
}

/** Equal neighbours would be seen twice, or never, at the edge of a page. */
function refuseTwins (found: readonly KeyedItem[], list: string): void {
  for (let at = 1; at < found.length; at++) {
    if (found[at]!.key === found[at - 1]!.key) throw new KeysetRowError(list, 'key-not-unique')
  }
}
