export { prepareTables, type TablesOptions, TablesTooNewError } from './prepare-tables.ts'
