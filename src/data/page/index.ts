export { type CursorKeys, cursorKeys } from './cursor-keys.ts'
export { CursorTooLongError } from './cursor.ts'
export { KeysetRowError } from './errors.ts'
export {
  type Keyset,
  keyset,
  type KeysetOptions,
  type Page,
  type PageRequest,
  type PageStatement,
} from './keyset.ts'
export type { KeysetColumn, KeysetKey, SortDirection } from './order.ts'
export { type CursorReason, pageProblems, pageSizeInvalid } from './problems.ts'
export { joinSql, rawSql, sql, type SqlFragment } from './sql.ts'
