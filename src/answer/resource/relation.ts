import { SettingError } from '../../kernel/index.ts'
import type { ManyRelation, OneRelation, Resource } from './definition.ts'

/** Declares a {@link OneRelation}: `one(() => categories, { by: 'categoryId' })`. */
export function one (target: () => Resource, { by }: { readonly by: string }): OneRelation {
  return { kind: 'one', target, by }
}

/**
 * Declares a {@link ManyRelation}: `many(() => reviews, { by: 'productId', limit: 5 })`. An expanded one is
 * `{ items, more }`, where `more` says that the limit has cut it.
 *
 * @param options.limit @default 20
 */
export function many (
  target: () => Resource,
  { by, limit = 20, sort }: { readonly by: string; readonly limit?: number; readonly sort?: string }
): ManyRelation {
  if (!(Number.isInteger(limit) && limit >= 1))
    throw new SettingError('limit of a relation', 'at least 1', limit)
  return { kind: 'many', target, by, limit, sort }
}
