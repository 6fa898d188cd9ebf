export { buildApp, buildService, type BuiltService } from './build.ts'
export type { ServiceEnvironment } from './environment.ts'
export { loadService, type ServiceLoadCode, ServiceLoadError } from './load.ts'
export { apiDocumentPath, apiPagePath } from './openapi.ts'
export {
  type DefinedService,
  defineService,
  type Service,
  type ServiceApp,
  type ServiceDatabase,
  type ServiceDefinition,
  type ServicePlugin,
} from './service.ts'
export type { ServiceWork, WorkDefinition } from './work/index.ts'
