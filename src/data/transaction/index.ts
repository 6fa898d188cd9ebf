export {
  type Isolation,
  poolOf,
  type Transaction,
  transaction,
  type TransactionOptions,
} from './transaction.ts'
