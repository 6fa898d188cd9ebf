export { FieldMask, selectList } from './field-mask.ts'
export { type FieldTree, pick } from './field-tree.ts'
export { type FieldSet, type FieldsOptions, RouteFields } from './route-fields.ts'
