export { defineExport, type ExportDefinition } from './define-export.ts'
export type { ExportFile } from './export-file.ts'
export type { ExportOptions, ExportOwner } from './export-options.ts'
export {
  type AcceptedExport,
  type AsyncExport,
  type AsyncRequest,
  exportInstead,
  type ExportInsteadOptions,
  exportResponder,
  type ExportResponderOptions,
} from './export-responder.ts'
export { exportRoutes, type ExportRoutesOptions } from './export-routes.ts'
export { type ExportStatus, exportStatusSchema } from './export-status.ts'
export {
  type ExportLimits,
  type Exports,
  type ExportView,
  type ExportViewer,
  type OpenExportsOptions,
  type RequestOptions,
  type WaitForOptions,
} from './exports.ts'
export type { ExportState } from './ledger.ts'
export { openExports } from './open-exports.ts'
export { type ExportCoding, type ExportFormat, ExportKeyError } from './parts/index.ts'
export { type ExportProblemCode, exportProblems } from './problems.ts'
export {
  directoryStore,
  type DirectoryStoreOptions,
  FileMissingError,
  type FileStore,
  type LinkOptions,
  type S3Credentials,
  s3Store,
  type S3StoreOptions,
  type StoredFile,
  StoreUnavailableError,
} from './store/index.ts'
export type { UpkeepDone } from './upkeep.ts'
