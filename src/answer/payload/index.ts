export {
  type Coding,
  codings,
  encodeBody,
  isCompressible,
  levelFor,
  mediaTypeOf,
  plainTag,
  variantTag,
} from './coding/index.ts'
export type { PayloadDescription } from './describe.ts'
export { FieldMask, type FieldsOptions, selectList } from './fields/index.ts'
export {
  acceptMessagePack,
  type Format,
  messagePackTypes,
  packMessage,
  unpackMessage,
} from './format/index.ts'
export { payloadMetrics } from './metrics.ts'
export { toCamelCase, toSnakeCase, type WireNaming } from './naming/index.ts'
export { type AcceptedWork, type AsyncResponder } from './prefer/index.ts'
export { type PayloadProblemCode, payloadProblems } from './problems.ts'
export type { RouteShape, WrittenAnswer } from './route-shape.ts'
export type { CompressOptions, PayloadCommons, PayloadSettings } from './settings.ts'
export { finishRoute, shapeRoute } from './shape-route.ts'
export { apiVersionOf, fieldsOf, formatOf, type Shaping } from './shaping.ts'
export { addVary, type VaryingReply } from './vary.ts'
export {
  ApiVersions,
  type Deprecation,
  type RequestParts,
  type RouteChange,
  type VersionChange,
  type VersionOptions,
} from './version/index.ts'
