export { cacheGroups } from './cache-groups.ts'
export {
  type EdgeAnswer,
  EdgeHeaders,
  type EdgeHeadersOptions,
  edgeOnlyHeaders,
  type EdgeRoute,
  type HeaderPairs,
} from './edge-headers.ts'
export { EdgeKeys, type EdgeKeysOptions } from './edge-key.ts'
export { type EdgeName } from './edge-names.ts'
export { edgeTrust, type EdgeTrustOptions, type IsTrustedEdge } from './edge-trust.ts'
export { type CdnPolicy, type EdgePolicyOptions } from './options.ts'
export { type HeaderValue } from './own-directives.ts'
