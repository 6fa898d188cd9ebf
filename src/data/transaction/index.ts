export { type Isolation, type Transaction, transaction, type TransactionOptions } from './transaction.ts'
