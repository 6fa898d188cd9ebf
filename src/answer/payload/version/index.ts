export {
  ApiVersions,
  type Deprecation,
  type RequestParts,
  type RouteChange,
  type VersionChange,
  type VersionOptions,
  type VersionSteps,
} from './api-versions.ts'
