export { prepareTables, type TablesOptions, TablesTooNewError } from './prepare-tables.ts'
export { statementName } from './statement-name.ts'
