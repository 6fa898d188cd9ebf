export { StreamBrokenError, StreamQueryError } from './errors.ts'
export { type ExportOptions, exportRows, exportTypes, type StreamQuery } from './export-rows.ts'
export { readRows, type ReadRowsOptions } from './read-rows.ts'
