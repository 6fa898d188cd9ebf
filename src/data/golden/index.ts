export { type PlantedColumn, type PlantedTable, type PlantedTables, plantStatistics } from '../plans/index.ts'
export {
  expectNoNPlusOne,
  expectQueryCount,
  type RecordedStatement,
  type Recording,
  recordStatements,
  statementWatch,
} from '../watch/index.ts'
export { GoldenPathError } from './errors.ts'
export {
  type Bound,
  type GoldenApp,
  type GoldenExpectation,
  type GoldenPath,
  goldenPath,
  type GoldenPathOptions,
} from './golden-path.ts'
