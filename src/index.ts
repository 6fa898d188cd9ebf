export { Problem, type ProblemKind } from './kernel/index.ts'
export {
  type AppCache,
  type CacheOptions,
  type PipelineOptions,
  plimsoll,
  plimsoll as default,
  type RouteCache,
  type RouteSettings,
} from './serve/pipeline/index.ts'
export { defineService, type ServiceApp, type ServiceDefinition } from './serve/service/index.ts'
export { type Config, defineConfig } from './serve/settings/index.ts'
