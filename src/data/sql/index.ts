export { type SqlKind, type SqlToken, sqlTokens } from './sql-tokens.ts'
