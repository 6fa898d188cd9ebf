export type { ColumnSource } from './column.ts'
export {
  defineResource,
  type FilterOperator,
  type ListOptions,
  type ManyRelation,
  type OneRelation,
  type Relation,
  type Resource,
  type ResourceLimits,
  type ResourceOptions,
} from './definition.ts'
export { type ExpansionReason, resourceProblems } from './problems.ts'
export { many, one } from './relation.ts'
export { canonicalItemQuery, canonicalListQuery, type RawQuery } from './resource-query.ts'
export { resource, type ServeResourceOptions } from './resource.ts'
export { expectedRevisions, resourceChanged } from './revision.ts'
