export { type Transaction, transaction } from './transaction.ts'
